"""Inference beside timm, in one run: `python -m benchmarks.inference --help`."""

import importlib.metadata
import importlib.util
import json
import multiprocessing
import os
import platform
import shlex
import sys
import tempfile
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from statistics import median
from typing import Annotated, NoReturn

import numpy as np
import typer
from rich.console import Console
from rich.table import Table

from benchmarks import inference_sides as sides
from benchmarks.timm_variants import TOLERANCE, VARIANTS, difference

DEFAULT_MODELS = ["convmixer_1024_20_p14", "convmixer_768_32", "mixer_b16"]
PACKAGES = ["keras-mixers", "keras", "tensorflow", "timm", "torch"]


@dataclass(frozen=True)
class Result:
    """Images per second of one network, a figure a round.

    Attributes:
        name: our name of the variant.
        apart: largest difference between the logits, as a share of the largest.
        ours: of ours.
        theirs: of timm, by mode.
        compiled: of timm under `torch.compile`, beside the comparison: it is to PyTorch what XLA
            is to TensorFlow. Empty without a C++ compiler.
    """

    name: str
    apart: float
    ours: list[float]
    theirs: dict[str, list[float]]
    compiled: list[float]

    @property
    def best(self) -> str:
        """The mode in which timm is fastest."""
        return max(self.theirs, key=lambda mode: median(self.theirs[mode]))

    @property
    def ratio(self) -> float:
        """Our median by timm's in its best mode."""
        return median(self.ours) / median(self.theirs[self.best])

    @property
    def pairs(self) -> list[float]:
        """The same ratio, round by round."""
        return [a / b for a, b in zip(self.ours, self.theirs[self.best], strict=True)]


def compare(name: str, rounds: int, batch: int, threads: int) -> Result:
    """Check that both sides give the same logits, then time them in turn.

    Raises:
        ValueError: if the logits are further apart than TOLERANCE.
    """
    process = partial(ProcessPoolExecutor, 1, multiprocessing.get_context("spawn"))
    with tempfile.TemporaryDirectory() as folder, process() as ours, process() as theirs:
        start = (name, batch, threads, Path(folder) / "weights.safetensors")
        expected = theirs.submit(sides.start_timm, *start).result()
        logits = ours.submit(sides.start_keras, *start).result()[sides.OURS]
        apart = float(np.max([difference(logits, reference) for reference in expected.values()]))
        if not apart <= TOLERANCE:  # So that NaN fails.
            raise ValueError(
                f"{name}: the logits differ by {apart:.1e} of the largest, expected at most "
                f"{TOLERANCE:.0e}; nothing was timed."
            )
        turns = [(ours, sides.OURS), *((theirs, mode) for mode in expected)]
        speeds: dict[str, list[float]] = {mode: [] for _, mode in turns}
        for i in range(rounds):
            for side, mode in turns if i % 2 == 0 else reversed(turns):
                speeds[mode].append(batch / side.submit(sides.seconds, mode).result())
    return Result(
        name, apart, speeds.pop(sides.OURS), compiled=speeds.pop(sides.COMPILED, []), theirs=speeds
    )


def machine(threads: int) -> dict[str, object]:
    """Return what the figures hold for: processor, threads, versions."""
    lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    names = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    return {
        "cpu": names[0] if names else platform.machine(),
        "cores": os.cpu_count(),
        "threads": threads,
        "load_average_before": round(os.getloadavg()[0], 2),
        "system": platform.platform(),
        "python": platform.python_version(),
        "versions": {package: importlib.metadata.version(package) for package in PACKAGES},
    }


def report(results: Sequence[Result]) -> dict[str, object]:
    """Return the results as JSON holds them, rounded to what was measured."""
    return {
        result.name: {
            "difference": float(f"{result.apart:.1e}"),
            "ratio": round(result.ratio, 3),
            "ratio_of_rounds": {
                "lowest": round(min(result.pairs), 3),
                "median": round(median(result.pairs), 3),
                "highest": round(max(result.pairs), 3),
            },
            "best_of_timm": result.best,
            "images_per_second": {
                mode: {"median": round(median(values), 2), "rounds": [round(v, 2) for v in values]}
                for mode, values in _modes(result).items()
            },
        }
        for result in results
    }


def _modes(result: Result) -> dict[str, list[float]]:
    modes = {sides.OURS: result.ours, **result.theirs, sides.COMPILED: result.compiled}
    return {mode: values for mode, values in modes.items() if values}


def table(results: Sequence[Result]) -> Table:
    """Return the results as people read them."""
    view = Table(title="Images per second, medians; ours by timm's best of NCHW and NHWC")
    _, *theirs = _modes(results[0])
    for column in ("network", "ours", *theirs, "ratio", "round by round"):
        left = column == "network"
        view.add_column(column, justify="left" if left else "right", no_wrap=left)
    for result in results:
        view.add_row(
            result.name,
            *(f"{median(values):.2f}" for values in _modes(result).values()),
            f"{result.ratio:.2f}",
            f"{min(result.pairs):.2f} to {max(result.pairs):.2f}",
        )
    return view


def _stop(message: str, code: int) -> NoReturn:
    typer.echo(f"Error: {message}", err=True)
    raise typer.Exit(code)


def main(
    models: Annotated[list[str], typer.Option(help="Variant; once for each.")] = DEFAULT_MODELS,
    rounds: Annotated[int, typer.Option(min=1, help="Turns of each side.")] = 9,
    batch: Annotated[int, typer.Option(min=1, help="Images of 224 x 224 at once.")] = 8,
    bound: Annotated[float, typer.Option(help="Lowest ratio that is not a failure.")] = 1.05,
    out: Annotated[Path, typer.Option(help="JSON file for the results.")] = Path(
        "benchmarks/results/inference.local.json"
    ),
    overwrite: Annotated[bool, typer.Option(help="Replace a file that is there.")] = False,
) -> None:
    """Compare inference in float32 with timm: the same weights, images and number of threads.

    Exits with 1 if a ratio of medians, ours by timm's faster memory format, is below the bound.
    """
    unknown = [name for name in models if name not in VARIANTS]
    if unknown:
        _stop(f"timm has no {unknown[0]!r}; choose from {', '.join(VARIANTS)}.", 2)
    if importlib.util.find_spec("timm") is None:
        _stop("timm is not installed; run `make benchmark`, or pip install '.[reference]'.", 2)
    if not out.parent.is_dir():
        _stop(f"there is no folder {out.parent}; make it, or choose another --out.", 2)
    if out.exists() and not overwrite:
        _stop(f"{out} is there already; choose another --out, or add --overwrite.", 2)
    threads = len(os.sched_getaffinity(0))
    results, here = [], machine(threads)
    try:
        for name in models:
            results.append(compare(name, rounds, batch, threads))
    except (ValueError, BrokenProcessPool) as error:
        _stop(str(error), 1)

    content = {
        "command": shlex.join(["python", "-m", "benchmarks.inference", *sys.argv[1:]]),
        "machine": here,
        "batch": batch,
        "models": report(results),
    }
    part = out.with_suffix(".part")
    part.write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")
    part.replace(out)
    Console().print(table(results))
    slow = [f"{result.name} ({result.ratio:.2f})" for result in results if result.ratio < bound]
    if slow:
        _stop(f"below {bound} of timm's speed: {', '.join(slow)}.", 1)


if __name__ == "__main__":
    typer.run(main)
