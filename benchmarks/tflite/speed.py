"""Compares the speed of TFLite files with Keras's: `python -m benchmarks.tflite --help`."""

import importlib.util
import sys
import tempfile
from collections.abc import Sequence
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Annotated

import numpy as np
import typer
from rich.console import Console
from rich.table import Table

from benchmarks.results_file import (
    check_results_file,
    stop,
    write_results_file,
)
from benchmarks.tflite import sides
from hub_export.benchmark.machine import describe_machine
from hub_export.benchmark.turns import new_process
from tests.helpers.timm_variants import relative_difference

if TYPE_CHECKING:
    from hub_export.tflite.settings import Quantize

# How many times as fast as Keras each file must be.
BOUNDS: "dict[str, dict[Quantize, float]]" = {
    "mixer_s16": {"none": 1.0, "dynamic": 8.0, "int8": 6.0},
    "convmixer_768_32": {"none": 1.0, "dynamic": 1.5, "int8": 1.8},
    "t2t_vit_7": {"none": 1.0, "dynamic": 1.0, "int8": 1.0},
}
DEFAULT_MODELS = list(BOUNDS)
# How far the float32 file's logits may be from the model's, as a share of the largest logit.
TOLERANCE = 1e-5
THREADS = 2
PACKAGES = ["keras-mixers", "keras", "tensorflow", "ai-edge-litert"]


@dataclass(frozen=True)
class Result:
    """Milliseconds for one image, one figure per round.

    Attributes:
        name: Name of the variant.
        mode: How the file is quantised.
        cosine: Cosine similarity of the file's logits and the model's.
        size: Size of the file, in bytes.
        keras: Figures of the Keras model.
        file: Figures of the file.
    """

    name: str
    mode: "Quantize"
    cosine: float
    size: int
    keras: list[float]
    file: list[float]

    @property
    def ratio(self) -> float:
        """How many times as fast the file is: the ratio of the medians."""
        return median(self.keras) / median(self.file)

    @property
    def pairs(self) -> list[float]:
        """The same ratio, round by round."""
        return [a / b for a, b in zip(self.keras, self.file, strict=True)]

    @property
    def bound(self) -> float:
        """The smallest ratio that passes."""
        return BOUNDS[self.name][self.mode]


def compare(name: str, rounds: int) -> list[Result]:
    """Write a variant's files, check the logits of the float32 file, then time all in turn.

    Raises:
        ValueError: If the logits differ by more than TOLERANCE.
    """
    modes = list(BOUNDS[name])
    with tempfile.TemporaryDirectory() as path, new_process() as ours, new_process() as files:
        folder = Path(path)
        start = (modes, THREADS, folder)
        (expected,) = ours.submit(sides.start_keras, name, *start).result().values()
        found = files.submit(sides.start_litert, *start).result()
        difference = relative_difference(found["none"], expected)
        if not difference <= TOLERANCE:  # Written so that NaN fails.
            raise ValueError(
                f"{name}: the logits differ by {difference:.1e} of the largest, expected at most "
                f"{TOLERANCE:.0e}; nothing was timed."
            )
        turns = [(ours, sides.KERAS), *((files, mode) for mode in modes)]
        times = sides.milliseconds_in_turns(turns, rounds)
        sizes = {mode: (folder / f"{mode}.tflite").stat().st_size for mode in modes}
    keras = times[sides.KERAS]
    return [
        Result(name, mode, _cosine(found[mode], expected), sizes[mode], keras, times[mode])
        for mode in modes
    ]


def _cosine(a: np.ndarray, b: np.ndarray) -> float:
    return float((a * b).sum() / np.linalg.norm(a) / np.linalg.norm(b))


def report(results: Sequence[Result]) -> dict[str, dict[str, object]]:
    """Return the results for the JSON file, by network and mode, rounded like the measurement."""
    content: dict[str, dict[str, object]] = {}
    for result in results:
        network = content.setdefault(result.name, {"keras": _milliseconds(result.keras)})
        network[result.mode] = {
            "ratio": round(result.ratio, 2),
            "bound": result.bound,
            "ratio_of_rounds": {
                "lowest": round(min(result.pairs), 2),
                "median": round(median(result.pairs), 2),
                "highest": round(max(result.pairs), 2),
            },
            "cosine_of_logits": round(result.cosine, 5),
            "megabytes": round(result.size / 1e6, 1),
            **_milliseconds(result.file),
        }
    return content


def _milliseconds(rounds: Sequence[float]) -> dict[str, object]:
    return {
        "milliseconds": {
            "median": round(median(rounds), 2),
            "rounds": [round(value, 2) for value in rounds],
        }
    }


def table(results: Sequence[Result]) -> Table:
    """Return the results as a table for people."""
    view = Table(title="Median milliseconds for one 224 x 224 image; ratio: Keras divided by file")
    for column in ("network", "mode", "Keras", "file", "ratio", "bound", "round by round", ""):
        left = column in ("network", "mode")
        view.add_column(column, justify="left" if left else "right", no_wrap=True)
    for result in results:
        view.add_row(
            result.name,
            result.mode,
            f"{median(result.keras):.1f}",
            f"{median(result.file):.1f}",
            f"{result.ratio:.2f}",
            f"{result.bound:.1f}",
            f"{min(result.pairs):.2f} to {max(result.pairs):.2f}",
            "ok" if result.ratio >= result.bound else "SLOW",
        )
    return view


def main(
    models: Annotated[list[str], typer.Option(help="Variant; may be repeated.")] = DEFAULT_MODELS,
    rounds: Annotated[int, typer.Option(min=1, help="Number of rounds.")] = 9,
    out: Annotated[Path, typer.Option(help="JSON file for the results.")] = Path(
        "benchmarks/results/tflite.local.json"
    ),
    overwrite: Annotated[bool, typer.Option(help="Replace an existing file.")] = False,
) -> None:
    """Compare TFLite files with the Keras model that they were made from, one image at a time.

    Both use 2 threads. Exits with 1 if a ratio of medians is below its bound.
    """
    unknown = [name for name in models if name not in BOUNDS]
    if unknown:
        stop(f"there are no bounds for {unknown[0]!r}; choose from {', '.join(BOUNDS)}.", 2)
    if importlib.util.find_spec("ai_edge_litert") is None:
        stop("ai-edge-litert is not installed; pip install '.[export]'.", 2)
    check_results_file(out, overwrite)
    results, machine = [], describe_machine(THREADS, PACKAGES)
    try:
        for name in models:
            results += compare(name, rounds)
    except (ValueError, BrokenProcessPool) as error:
        stop(str(error), 1)

    content = {"machine": machine, "models": report(results)}
    write_results_file(out, "benchmarks.tflite", content)
    # Without a terminal, rich would fold the table to 80 columns.
    Console(width=None if sys.stdout.isatty() else 120).print(table(results))
    slow = [
        f"{result.name} {result.mode} ({result.ratio:.2f} of {result.bound})"
        for result in results
        if result.ratio < result.bound
    ]
    if slow:
        stop(f"below the bound: {', '.join(slow)}.", 1)


if __name__ == "__main__":
    typer.run(main)
