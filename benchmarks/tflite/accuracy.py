"""What quantisation keeps, as the README's table: `python -m benchmarks.tflite.accuracy`."""

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
from training.recipes import find_recipe
from training.train import train

RECIPES = ("convmixer_digits", "mixer_digits", "t2t_vit_digits")
MODES: tuple[Quantize, ...] = get_args(Quantize)


@dataclass(frozen=True)
class Trained:
    """A network that a recipe trained, and the scans that it was not trained on."""

    network: keras.Model
    images: np.ndarray
    labels: np.ndarray


@dataclass(frozen=True)
class Kept:
    """What a TFLite file keeps of a network.

    Attributes:
        before: the network's own share of right predictions.
        accuracy: the file's.
        agreement: share of the file's predictions that are the network's.
        cosine: of the file's logits and the network's, the mean over images.
        size: of the file, in bytes.
    """

    before: float
    accuracy: float
    agreement: float
    cosine: float
    size: int


def trained(name: str) -> Trained:
    """Train a recipe on the digits, and return it with all held-out scans."""
    recipe = find_recipe(name)
    how = evaluation_preprocessing(recipe.model)
    split = open_data(recipe.data).validation
    size = recipe.model.input_shape[:2]
    (batch,) = evaluation_batches(split, split.size, size, how.crop, how.interpolation)
    network = train(recipe, quiet=True).network
    return Trained(network, *(part.numpy() for part in batch))


def kept(subject: Trained, quantize: Quantize, path: Path) -> Kept:
    """Write a network's TFLite file, and compare it with the network."""
    shape = subject.network.input_shape[1:]
    data = sample_images("digits", shape) if quantize.startswith("int") else None
    export_tflite(subject.network, path, quantize, data, output="logits")
    wanted = without_softmax(subject.network).predict(subject.images, verbose=0)
    found = load_export(path)(subject.images)["logits"]
    lengths = np.linalg.norm(found, axis=-1) * np.linalg.norm(wanted, axis=-1)
    return Kept(
        before=float(np.mean(wanted.argmax(-1) == subject.labels)),
        accuracy=float(np.mean(found.argmax(-1) == subject.labels)),
        agreement=float(np.mean(found.argmax(-1) == wanted.argmax(-1))),
        cosine=float(np.mean((found * wanted).sum(-1) / lengths)),
        size=path.stat().st_size,
    )


def main() -> None:
    """Train each recipe, and print a table with a row for each of its files."""
    rows = [
        "| recipe | quantize | top-1 | of the model | agreement | cosine of logits | kB |",
        "|---|---|---:|---:|---:|---:|---:|",
    ]
    for name in RECIPES:
        subject = trained(name)
        for mode in MODES:
            with tempfile.TemporaryDirectory() as folder:
                x = kept(subject, mode, Path(folder, "model.tflite"))
            rows.append(
                f"| {name} | {mode} | {100 * x.accuracy:.2f} | {100 * x.before:.2f} "
                f"| {100 * x.agreement:.2f} % | {x.cosine:.5f} | {x.size / 1000:.0f} |"
            )
    print("\n".join(rows))


if __name__ == "__main__":
    main()
