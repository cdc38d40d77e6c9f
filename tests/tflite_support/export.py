"""Writes small TFLite files, and what Google's reader must find in them.

Usage, in the development environment: python -m tests.tflite_support.export FOLDER

For each family FOLDER gets `NAME.tflite`, `NAME-int8.tflite`, and `NAME.npz` with pixels, what
the Keras model makes of them and how far rounding may take another runtime from it, and what LiteRT
makes of them with the int8 file.
"""

import argparse
from pathlib import Path

import numpy as np

from hub_export.tflite.export import write_with_settings
from hub_export.tflite.settings import Settings
from hub_export.verification.worker import load_export
from tests.helpers.rounding import rounding_bound, roundings_in
from tests.old_stack.export import MODELS, SHAPE, build

LABELS = ("cat", "dog", "Häher", "a b", "fish")


def main(folder: Path) -> None:
    """Write the files of all families into `folder`."""
    folder.mkdir(parents=True, exist_ok=True)
    pixels = np.random.default_rng(1).integers(0, 256, (16, *SHAPE), "uint8")
    images = pixels.astype("float32")
    for name in MODELS:
        model = build(name)
        floats, integers = (Settings(q, labels=LABELS, licence="MIT") for q in ("none", "int8"))
        write_with_settings(model, floats, None, folder / f"{name}.tflite")
        write_with_settings(model, integers, images, folder / f"{name}-int8.tflite")
        (of_int8,) = load_export(folder / f"{name}-int8.tflite")(pixels).values()
        probabilities = np.asarray(model(images, training=False))
        rounding = rounding_bound(probabilities, roundings_in(model.weights))
        np.savez(
            folder / f"{name}.npz",
            pixels=pixels,
            probabilities=probabilities,
            rounding=rounding,
            of_int8=of_int8,
        )


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    main(parser.parse_args().folder)
