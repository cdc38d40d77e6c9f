"""What TFLite could reach with Mixer-S/16 here: `python -m benchmarks.tflite.ceiling --help`."""

import multiprocessing
import tempfile
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Annotated

import typer

from benchmarks.tflite import sides
from benchmarks.tflite.speed import BOUNDS, THREADS

if TYPE_CHECKING:
    import keras

    from hub_export.tflite.settings import Quantize

NAME = "mixer_s16"
MODES: "tuple[Quantize, ...]" = ("dynamic", "int8")
BLOCKS, TOKENS, CHANNELS = 8, 196, 512
WIDTHS = {TOKENS: 256, CHANNELS: 2048}


def products() -> "keras.Model":
    """Return a model of the network's matrix products alone.

    What lies between them is left out: numbers are read in another order, not transposed.
    """
    import keras

    keras.utils.set_random_seed(0)
    images = keras.Input((224, 224, 3))
    x = keras.layers.Dense(CHANNELS)(keras.layers.Reshape((TOKENS, 768))(images))
    for _ in range(BLOCKS):
        for rows, mixed in ((CHANNELS, TOKENS), (TOKENS, CHANNELS)):
            x = keras.layers.Dense(WIDTHS[mixed])(keras.layers.Reshape((rows, mixed))(x))
            x = keras.layers.Dense(mixed)(x)
    return keras.Model(images, x)


def write_products(folder: Path) -> None:
    """Write a file of `products` for each mode."""
    from hub_export.tflite.export import write_tflite

    for mode in MODES:
        data = sides.pixels(16) if mode == "int8" else None
        write_tflite(products(), folder / f"{mode}.tflite", mode, data)


def main(rounds: Annotated[int, typer.Option(min=1, help="Turns of each side.")] = 9) -> None:
    """Time TFLite files of nothing but Mixer-S/16's matrix products, in turn with Keras.

    A file of the whole network takes longer. So its ratio, which `benchmarks.tflite` measures, can
    be no higher than the one printed here.
    """
    process = partial(ProcessPoolExecutor, 1, multiprocessing.get_context("spawn"))
    with tempfile.TemporaryDirectory() as text, process() as ours, process() as files:
        folder = Path(text)
        ours.submit(sides.start_keras, NAME, [], THREADS, folder).result()
        ours.submit(write_products, folder).result()
        files.submit(sides.start_litert, MODES, THREADS, folder).result()
        turns = [(ours, sides.KERAS), *((files, mode) for mode in MODES)]
        times = sides.in_turns(turns, rounds)
    keras = median(times[sides.KERAS])
    typer.echo(f"{NAME} in Keras: {keras:.1f} ms")
    for mode in MODES:
        alone = times[mode]
        typer.echo(
            f"{mode}, products alone: {median(alone):.1f} ms ({min(alone):.1f} to "
            f"{max(alone):.1f}), {keras / median(alone):.1f} times as fast as Keras; wanted for "
            f"the whole network: {BOUNDS[NAME][mode]:g} times"
        )


if __name__ == "__main__":
    typer.run(main)
