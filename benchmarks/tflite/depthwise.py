"""Compares two ways to split large depthwise kernels: `python -m benchmarks.tflite.depthwise`."""

import tempfile
from itertools import product
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Annotated

import typer

from benchmarks.tflite import sides
from hub_export.benchmark.turns import new_process

if TYPE_CHECKING:
    from hub_export.tflite.settings import Quantize

THREADS = 2
DEPTH = 4
MODES: "tuple[Quantize, ...]" = ("none", "dynamic", "int8")
# Side of the map, channels and kernel size of ConvMixer-768/32, 1024/20 and 1536/20 at 224 x 224.
NETWORKS = {"768_32": (32, 768, 7), "1024_20": (16, 1024, 9), "1536_20": (32, 1536, 9)}
FORMS = ("tiled", "nested")


def write_blocks(folder: Path, name: str) -> None:
    """Write TFLite files of `DEPTH` blocks of a network, one for each form and mode."""
    import keras
    import numpy as np

    from hub_export.tflite.export import write_tflite
    from hub_export.tflite.fast_layers import NestedConvMixerBlock, TiledConvMixerBlock

    side, channels, kernel = NETWORKS[name]
    maps = np.random.default_rng(0).normal(size=(16, side, side, channels)).astype("float32")
    for form, block in zip(FORMS, (TiledConvMixerBlock, NestedConvMixerBlock), strict=True):
        keras.utils.set_random_seed(0)
        layers = [block(kernel, activation="relu") for _ in range(DEPTH)]
        model = keras.Sequential([keras.Input(maps.shape[1:]), *layers])
        for mode in MODES:
            data = maps if mode == "int8" else None
            write_tflite(model, folder / f"{form}_{mode}.tflite", mode, data)


def main(rounds: Annotated[int, typer.Option(min=1, help="Number of rounds.")] = 9) -> None:
    """Time TFLite files of ConvMixer's blocks, with kernels split into tiles and nested squares."""
    for name in NETWORKS:
        with tempfile.TemporaryDirectory() as path, new_process() as ours, new_process() as files:
            folder = Path(path)
            ours.submit(write_blocks, folder, name).result()
            names = [f"{form}_{mode}" for mode, form in product(MODES, FORMS)]
            files.submit(sides.start_litert, names, THREADS, folder).result()
            times = sides.milliseconds_in_turns([(files, name) for name in names], rounds)
        for mode in MODES:
            tiled, nested = (median(times[f"{form}_{mode}"]) / DEPTH for form in FORMS)
            typer.echo(
                f"convmixer_{name} {mode}: a block takes {tiled:.2f} ms in tiles, {nested:.2f} ms "
                "in nested squares"
            )


if __name__ == "__main__":
    typer.run(main)
