"""Compares the speed of inference with timm's: `python -m benchmarks.inference --help`."""

import importlib.util
import tempfile
from collections.abc import Sequence
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Annotated

import numpy as np
import typer
from rich.console import Console
from rich.table import Table

from benchmarks import inference_sides as sides
from benchmarks.results_file import (
    check_results_file,
    stop,
    write_results_file,
)
from hub_export.benchmark.machine import available_threads, describe_machine
from hub_export.benchmark.turns import new_process, time_in_turns
from tests.helpers.timm_variants import TOLERANCE, VARIANTS, relative_difference

DEFAULT_MODELS = ["convmixer_1024_20_p14", "convmixer_768_32", "mixer_b16"]
PACKAGES = ["keras-mixers", "keras", "tensorflow", "timm", "torch"]


@dataclass(frozen=True)
class Result:
    """Images per second of one network, one figure per round.

    Attributes:
        name: Our name of the variant.
        difference: Largest difference between the logits, as a share of the largest logit.
        ours: Figures of our network.
        theirs: Figures of timm's network, by mode.
        compiled: Figures of timm's network under `torch.compile`, which doesn't count for the
            comparison: it is to PyTorch what XLA is to TensorFlow. Empty without a C++ compiler.
    """

    name: str
    difference: float
    ours: list[float]
    theirs: dict[str, list[float]]
    compiled: list[float]

    @property
    def best(self) -> str:
        """The mode in which timm is fastest."""
        return max(self.theirs, key=lambda mode: median(self.theirs[mode]))

    @property
    def ratio(self) -> float:
        """Our median divided by timm's median in its fastest mode."""
        return median(self.ours) / median(self.theirs[self.best])

    @property
    def pairs(self) -> list[float]:
        """The same ratio, round by round."""
        return [a / b for a, b in zip(self.ours, self.theirs[self.best], strict=True)]


def compare(name: str, rounds: int, batch: int, threads: int) -> Result:
    """Check that both sides give the same logits, then time them in turn.

    Raises:
        ValueError: If the logits differ by more than TOLERANCE.
    """
    with tempfile.TemporaryDirectory() as folder, new_process() as ours, new_process() as theirs:
        start = (name, batch, threads, Path(folder) / "weights.safetensors")
        expected = theirs.submit(sides.start_timm, *start).result()
        logits = ours.submit(sides.start_keras, *start).result()[sides.OURS]
        difference = float(
            np.max([relative_difference(logits, reference) for reference in expected.values()])
        )
        if not difference <= TOLERANCE:  # Written so that NaN fails.
            raise ValueError(
                f"{name}: the logits differ by {difference:.1e} of the largest, expected at most "
                f"{TOLERANCE:.0e}; nothing was timed."
            )
        turns = [(ours, sides.OURS), *((theirs, mode) for mode in expected)]
        times = time_in_turns(turns, sides.seconds_per_batch, rounds)
    speeds = {mode: [batch / seconds for seconds in values] for mode, values in times.items()}
    compiled = speeds.pop(sides.COMPILED, [])
    return Result(name, difference, speeds.pop(sides.OURS), theirs=speeds, compiled=compiled)


def report(results: Sequence[Result]) -> dict[str, object]:
    """Return the results for the JSON file, rounded to the precision of the measurement."""
    return {
        result.name: {
            "difference": float(f"{result.difference:.1e}"),
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
    """Return the results as a table for people."""
    view = Table(title="Median images per second; ratio: ours divided by timm's faster format")
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


def check_request(models: Sequence[str], out: Path, overwrite: bool) -> None:
    """Stop with status 2 unless timm has all models, and the file of results may be written."""
    unknown = [name for name in models if name not in VARIANTS]
    if unknown:
        stop(f"timm has no {unknown[0]!r}; choose from {', '.join(VARIANTS)}.", 2)
    if importlib.util.find_spec("timm") is None:
        stop("timm is not installed; run `make benchmark`, or pip install '.[reference]'.", 2)
    check_results_file(out, overwrite)


def main(
    models: Annotated[list[str], typer.Option(help="Variant; may be repeated.")] = DEFAULT_MODELS,
    rounds: Annotated[int, typer.Option(min=1, help="Number of rounds.")] = 9,
    batch: Annotated[int, typer.Option(min=1, help="Number of 224 x 224 images at a time.")] = 8,
    bound: Annotated[float, typer.Option(help="Smallest ratio that passes.")] = 1.05,
    out: Annotated[Path, typer.Option(help="JSON file for the results.")] = Path(
        "benchmarks/results/inference.local.json"
    ),
    overwrite: Annotated[bool, typer.Option(help="Replace an existing file.")] = False,
) -> None:
    """Compare inference in float32 with timm: the same weights, images and number of threads.

    Exits with 1 if a ratio of medians, ours divided by timm's faster memory format, is below the
    bound.
    """
    check_request(models, out, overwrite)
    threads = available_threads()
    results, machine = [], describe_machine(threads, PACKAGES)
    try:
        for name in models:
            results.append(compare(name, rounds, batch, threads))
    except (ValueError, BrokenProcessPool) as error:
        stop(str(error), 1)

    content = {"machine": machine, "batch": batch, "models": report(results)}
    write_results_file(out, "benchmarks.inference", content)
    Console().print(table(results))
    slow = [f"{result.name} ({result.ratio:.2f})" for result in results if result.ratio < bound]
    if slow:
        stop(f"below {bound} of timm's speed: {', '.join(slow)}.", 1)


if __name__ == "__main__":
    typer.run(main)
