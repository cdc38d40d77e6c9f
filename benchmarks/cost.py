"""Times how the cost of a ConvMixer grows with its work: `python -m benchmarks.cost --help`.

One thing varies at a time: images in a batch, their size, the network's depth or its width. The
exponent is the slope of a line through the logarithms of seconds and multiply-adds: 1 where twice
the work takes twice as long, less where larger work is done more efficiently.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import numpy as np
import tensorflow as tf
import typer
from rich.console import Console
from rich.table import Table

import keras_mixers
from benchmarks.results_file import check_results_file, write_results_file
from hub_export.benchmark.machine import available_threads, describe_machine
from hub_export.benchmark.turns import median_seconds
from keras_mixers.models.multiply_adds import multiply_adds

_SIDE_OF_PRODUCT = 1024


@dataclass(frozen=True)
class Work:
    """What is computed; the fields are what a series varies."""

    batch: int = 1
    size: int = 224
    depth: int = 8
    width: int = 256


SERIES = {
    "batch": [Work(batch=n) for n in (1, 2, 4, 8, 16, 32, 64)],
    "size": [Work(size=n) for n in (112, 168, 224, 336, 448)],
    "depth": [Work(depth=n) for n in (4, 8, 16, 32)],
    "width": [Work(width=n) for n in (128, 256, 512, 1024)],
}
DEFAULT_SERIES = list(SERIES)


@dataclass(frozen=True)
class Cost:
    """What a work took.

    Attributes:
        value: Of what varies.
        multiply_adds: Of all images together.
        seconds: The median of a call.
    """

    value: int
    multiply_adds: int
    seconds: float


def measure(name: str, work: Work) -> Cost:
    """Time a ConvMixer with patches of 7 pixels and kernels of 9, in float32 as a graph."""
    model = keras_mixers.ConvMixer(
        work.width, work.depth, input_shape=(work.size, work.size, 3), include_preprocessing=False
    )
    images = tf.random.uniform((work.batch, work.size, work.size, 3))
    run = tf.function(lambda: model(images, training=False), autograph=False)
    counted = multiply_adds(model) or 0
    return Cost(getattr(work, name), work.batch * counted, median_seconds(run))


def exponent(costs: Sequence[Cost]) -> float:
    """Return how seconds grow with multiply-adds.

    >>> round(exponent([Cost(1, 10, 1.0), Cost(2, 20, 2.0), Cost(3, 40, 4.0)]), 6)
    1.0
    """
    points = np.log([(cost.multiply_adds, cost.seconds) for cost in costs])
    return float(np.polyfit(*points.T, 1)[0])


def ceiling() -> float:
    """Return the multiply-adds per second of a large product of matrices in float32."""
    a, b = (tf.random.uniform((_SIDE_OF_PRODUCT, _SIDE_OF_PRODUCT)) for _ in range(2))
    run = tf.function(lambda: tf.matmul(a, b), autograph=False)
    return _SIDE_OF_PRODUCT**3 / median_seconds(run)


def main(
    series: Annotated[
        list[str], typer.Option(help="What varies; may be repeated.")
    ] = DEFAULT_SERIES,
    most: Annotated[int, typer.Option(min=2, help="Values of each series, the least first.")] = 7,
    out: Annotated[Path, typer.Option(help="JSON file for the results.")] = Path(
        "benchmarks/results/cost.local.json"
    ),
    overwrite: Annotated[bool, typer.Option(help="Replace an existing file.")] = False,
) -> None:
    """Time a ConvMixer of growing work beside this machine's products of matrices."""
    check_results_file(out, overwrite)
    for name in series:
        if name not in SERIES:
            raise typer.BadParameter(f"{name!r} is none of {', '.join(SERIES)}.")
    machine = describe_machine(available_threads(), ["keras", "tensorflow"])
    found: dict[str, object] = {}
    for name in series:
        # Measured anew for each series, since the machine may have become busier.
        top = ceiling()
        costs = [measure(name, work) for work in SERIES[name][:most]]
        view = Table(name, "multiply-adds", "ms", "share of matmul's speed")
        for cost in costs:
            share = cost.multiply_adds / cost.seconds / top
            ms = f"{1e3 * cost.seconds:.1f}"
            view.add_row(str(cost.value), f"{cost.multiply_adds:,}", ms, f"{share:.0%}")
        Console().print(view, f"exponent {exponent(costs):.2f}")
        found[name] = {
            "exponent": round(exponent(costs), 3),
            "matmul_multiply_adds_per_second": round(top),
            "costs": [vars(cost) for cost in costs],
        }
    write_results_file(out, "benchmarks.cost", {"machine": machine, "series": found})


if __name__ == "__main__":
    typer.run(main)
