"""Prints docs/export/phones.md's table of accuracy: `python -m benchmarks.tflite.accuracy`."""

import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import get_args

import keras
import numpy as np

from hub_export.tflite.export import export_tflite
from hub_export.verification.tflite_file import Quantize
from hub_export.verification.worker import load_export
from keras_mixers.models.heads import without_softmax
from training.data import evaluation_batches, open_data, sample_images
from training.loop.network import evaluation_preprocessing
from training.recipes import DIGITS_RECIPES, find_recipe
from training.train import train

MODES: tuple[Quantize, ...] = get_args(Quantize)


@dataclass(frozen=True)
class TrainedNetwork:
    """A network that a recipe trained, and the held-out images that it was not trained on."""

    network: keras.Model
    images: np.ndarray
    labels: np.ndarray


@dataclass(frozen=True)
class FileComparison:
    """A TFLite file compared with its network on held-out images.

    Attributes:
        network_accuracy: Accuracy of the network.
        accuracy: Accuracy of the file.
        agreement: Share of images for which the file and the network predict the same class.
        cosine: Cosine similarity of their logits, averaged over the images.
        size: Size of the file, in bytes.
    """

    network_accuracy: float
    accuracy: float
    agreement: float
    cosine: float
    size: int


def train_on_digits(name: str) -> TrainedNetwork:
    """Train a recipe on the digits, and return its network with all held-out images."""
    recipe = find_recipe(name)
    how = evaluation_preprocessing(recipe.model)
    split = open_data(recipe.data).validation
    size = recipe.model.input_shape[:2]
    (batch,) = evaluation_batches(split, split.size, size, how.crop, how.interpolation)
    network = train(recipe, quiet=True).network
    return TrainedNetwork(network, *(part.numpy() for part in batch))


def compare_file(trained: TrainedNetwork, quantize: Quantize, path: Path) -> FileComparison:
    """Write a network as a TFLite file, and compare the file with the network."""
    shape = trained.network.input_shape[1:]
    data = sample_images("digits", shape) if quantize.startswith("int") else None
    export_tflite(trained.network, path, quantize, data, output="logits")
    expected = without_softmax(trained.network).predict(trained.images, verbose=0)
    found = load_export(path)(trained.images)["logits"]
    lengths = np.linalg.norm(found, axis=-1) * np.linalg.norm(expected, axis=-1)
    return FileComparison(
        network_accuracy=float(np.mean(expected.argmax(-1) == trained.labels)),
        accuracy=float(np.mean(found.argmax(-1) == trained.labels)),
        agreement=float(np.mean(found.argmax(-1) == expected.argmax(-1))),
        cosine=float(np.mean((found * expected).sum(-1) / lengths)),
        size=path.stat().st_size,
    )


def main() -> None:
    """Train each recipe, and print a table with one row per file."""
    rows = [
        "| recipe | quantize | top-1 | top-1 of the model | agreement | cosine of logits | kB |",
        "|---|---|---:|---:|---:|---:|---:|",
    ]
    for name in DIGITS_RECIPES:
        trained = train_on_digits(name)
        for mode in MODES:
            with tempfile.TemporaryDirectory() as folder:
                found = compare_file(trained, mode, Path(folder, "model.tflite"))
            rows.append(
                f"| {name} | {mode} | {100 * found.accuracy:.2f} "
                f"| {100 * found.network_accuracy:.2f} | {100 * found.agreement:.2f} % "
                f"| {found.cosine:.5f} | {found.size / 1000:.0f} |"
            )
    print("\n".join(rows))


if __name__ == "__main__":
    main()
