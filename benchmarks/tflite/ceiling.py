"""How fast TFLite could at best run Mixer-S/16: `python -m benchmarks.tflite.ceiling --help`."""

import tempfile
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Annotated

import typer

from benchmarks.tflite import sides
from benchmarks.tflite.speed import BOUNDS, THREADS
from hub_export.benchmark.turns import new_process

if TYPE_CHECKING:
    import keras

    from hub_export.tflite.settings import Quantize

NAME = "mixer_s16"
MODES: "tuple[Quantize, ...]" = ("dynamic", "int8")
BLOCKS, TOKENS, CHANNELS = 8, 196, 512
WIDTHS = {TOKENS: 256, CHANNELS: 2048}


def products_model() -> "keras.Model":
    """Return a model of only the network's matrix products.

    Everything between them is left out; even transpositions are replaced by reshaping.
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
    """Write a TFLite file of `products_model` for each mode."""
    from hub_export.tflite.export import write_tflite

    for mode in MODES:
        data = sides.random_pixels(16) if mode == "int8" else None
        write_tflite(products_model(), folder / f"{mode}.tflite", mode, data)


def main(rounds: Annotated[int, typer.Option(min=1, help="Number of rounds.")] = 9) -> None:
    """Time TFLite files of only Mixer-S/16's matrix products, in turn with Keras.

    A file of the whole network takes longer, so that its ratio, which `benchmarks.tflite` measures,
    can't be higher than the one printed here.
    """
    with tempfile.TemporaryDirectory() as path, new_process() as ours, new_process() as files:
        folder = Path(path)
        ours.submit(sides.start_keras, NAME, [], THREADS, folder).result()
        ours.submit(write_products, folder).result()
        files.submit(sides.start_litert, MODES, THREADS, folder).result()
        turns = [(ours, sides.KERAS), *((files, mode) for mode in MODES)]
        times = sides.milliseconds_in_turns(turns, rounds)
    keras = median(times[sides.KERAS])
    typer.echo(f"{NAME} in Keras: {keras:.1f} ms")
    for mode in MODES:
        products = times[mode]
        typer.echo(
            f"{mode}, only the products: {median(products):.1f} ms ({min(products):.1f} to "
            f"{max(products):.1f}), {keras / median(products):.1f} times as fast as Keras; bound "
            f"for the whole network: {BOUNDS[NAME][mode]:g} times"
        )


if __name__ == "__main__":
    typer.run(main)
