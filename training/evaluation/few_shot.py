"""What a trained model's features are worth: a linear probe on a few images of each class."""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import fmean
from typing import Any

import numpy as np
import tensorflow as tf
from PIL import Image

from training.data import Data, DataError, Split
from training.data.split import Example, MapImage
from training.evaluation.load_model import open_model
from training.evaluation.loaded_model import LoadedModel, Run

L2 = 2.0**10
_LEAST_STD = 1e-5


@dataclass(frozen=True)
class FewShot:
    """What was found of a model's features.

    Attributes:
        model: its path.
        data: their address.
        shots: images of each class that the probe was fitted to.
        l2: strength of the regularisation.
        images: how many others it was measured with.
        seeds: of the draws.
        accuracies: share of right predictions for each seed.
    """

    model: str
    data: str
    shots: int
    l2: float
    images: int
    seeds: tuple[int, ...]
    accuracies: tuple[float, ...]

    @property
    def mean(self) -> float:
        """Mean of the accuracies."""
        return fmean(self.accuracies)

    def to_dict(self) -> dict[str, Any]:
        """Return what JSON can hold of it, the mean included."""
        return {
            **asdict(self),
            "seeds": list(self.seeds),
            "accuracies": list(self.accuracies),
            "mean": self.mean,
        }

    def to_json(self) -> str:
        """Return the result as JSON text."""
        return json.dumps(self.to_dict(), indent=2) + "\n"


def few_shot(
    model: str | Path,
    data: str,
    shots: int = 5,
    seeds: Sequence[int] = (0, 1, 2),
    l2: float = L2,
    batch_size: int = 64,
    data_dir: str | Path | None = None,
    size: int | None = None,
) -> FewShot:
    """Fit a linear classifier to frozen features of a few training images of each class.

    The features are what the model's head sees; they are shifted and scaled to mean 0 and
    deviation 1 over the drawn images. `fit_least_squares` maps them to 1 for an image's class and
    -1 for the others, and the largest output is the prediction. `l2` is Big Vision's constant: it
    is not chosen by what is measured, and nothing else is.

    Args:
        model: a run's folder, a `.keras` file, or a SavedModel's folder or `.tar.gz`; of a
            classifier, the features before its head.
        data: address, as `open_data` takes it; its classes need not be the model's.
        shots: images of each class, drawn from those to train with.
        seeds: one draw each.
        l2: strength of the regularisation, above 0.
        batch_size: of the images whose features are computed at once.
        data_dir: of tensorflow-datasets; None: its usual one.
        size: height and width of the images, for a model that takes any; None: 224.

    Raises:
        FileNotFoundError: if there is no such model.
        DataError: if the data can't be opened, don't fit the model, or have a class of fewer
            images.
        ValueError: if the model can't be loaded or has no features (B, features), or an argument
            is out of its range.

    Example:

    >>> import os, tempfile, keras_mixers
    >>> path = os.path.join(tempfile.mkdtemp(), "model.keras")
    >>> keras_mixers.ConvMixer(8, 1, 2, 3, input_shape=(8, 8, 1), classes=10).save(path)
    >>> found = few_shot(path, "digits", shots=1, seeds=(0, 1))
    >>> found.images, len(found.accuracies)
    (364, 2)

    Reference: https://arxiv.org/abs/2105.01601; the evaluator `fewshot_lsr` of
    https://github.com/google-research/big_vision.
    """
    if shots < 1:
        raise ValueError(f"shots must be at least 1; received {shots}.")
    if not seeds or min(seeds) < 0:
        raise ValueError(f"seeds must be one number or more, from 0; received {tuple(seeds)}.")
    if l2 <= 0:
        raise ValueError(f"l2 must be above 0; received {l2}.")
    opened = open_model(model)
    run = _run(opened)
    images = opened.data(data, data_dir)
    classes = _classes(images.train)
    draws = [_draw(images, classes, shots, seed) for seed in seeds]
    drawn = np.unique(np.concatenate(draws))
    features, _ = _features(
        run, opened.batches(_Part(images.train, drawn), batch_size, size), opened.path
    )
    asked = _features(run, opened.batches(images.validation, batch_size, size), opened.path)
    accuracies = []
    for draw in draws:
        targets = 2.0 * (classes[draw][:, np.newaxis] == np.arange(images.num_classes)) - 1
        accuracies.append(_accuracy(features[np.searchsorted(drawn, draw)], targets, l2, *asked))
    return FewShot(str(model), data, shots, l2, len(asked[1]), tuple(seeds), tuple(accuracies))


def _accuracy(
    features: np.ndarray, targets: np.ndarray, l2: float, asked: np.ndarray, truth: np.ndarray
) -> float:
    mean, std = features.mean(axis=0), features.std(axis=0) + _LEAST_STD
    weights, bias = fit_least_squares((features - mean) / std, targets, l2)
    found = (asked - mean) / std @ weights + bias
    return float((found.argmax(axis=1) == truth).mean())


def fit_least_squares(
    features: np.ndarray, targets: np.ndarray, l2: float
) -> tuple[np.ndarray, np.ndarray]:
    """Return weights (F, outputs) and bias (outputs,) of the regularised linear regression.

    They minimise |features @ weights + bias - targets|^2 + l2 |weights|^2, in closed form: a
    system as large as the number of features or of rows, whichever is less.

    Args:
        features: (N, F).
        targets: (N, outputs).
        l2: above 0; the bias is not regularised.

    >>> weights, bias = fit_least_squares(np.array([[0.0], [2.0]]), np.array([[1.0], [5.0]]), 2.0)
    >>> weights.tolist(), bias.tolist()
    ([[1.0]], [2.0])
    """
    x, y = (np.asarray(array, np.float64) for array in (features, targets))
    middle, level = x.mean(axis=0), y.mean(axis=0)
    x, y = x - middle, y - level
    rows, columns = x.shape
    if rows < columns:
        weights = x.T @ np.linalg.solve(x @ x.T + l2 * np.eye(rows), y)
    else:
        weights = np.linalg.solve(x.T @ x + l2 * np.eye(columns), x.T @ y)
    return weights, level - middle @ weights


def _run(model: LoadedModel) -> Run:
    if model.features is None:
        raise ValueError(
            f"{model.path} gives class scores and no features; expected a SavedModel with "
            "`features`, or a .keras file whose last Dense layer is called 'head'."
        )
    return model.features


def _classes(split: Split) -> np.ndarray:
    """Return the classes (B,) of a split; no image is decoded for them."""
    examples = split.references(None).map(
        lambda reference: split.fetch(reference)["label"],
        num_parallel_calls=tf.data.AUTOTUNE,
        deterministic=True,
    )
    return np.concatenate([*examples.batch(1024).as_numpy_iterator()])


def _draw(data: Data, classes: np.ndarray, shots: int, seed: int) -> np.ndarray:
    """Return the places of `shots` examples of each class."""
    random = np.random.default_rng(seed)
    drawn = []
    for number, name in enumerate(data.class_names):
        members = np.flatnonzero(classes == number)
        if len(members) < shots:
            raise DataError(
                f"{data.address}: the class {name!r} has {len(members)} images to train with; "
                f"expected {shots} or more; take fewer shots."
            )
        drawn.append(random.permutation(members)[:shots])
    return np.concatenate(drawn)


def _features(run: Run, batches: tf.data.Dataset, path: Path) -> tuple[np.ndarray, np.ndarray]:
    """Return features (B, F), float64, and classes (B,)."""
    pairs = [(run(pixels), classes) for pixels, classes in batches.as_numpy_iterator()]
    features, classes = (np.concatenate(parts) for parts in zip(*pairs, strict=True))
    if features.ndim != 2:
        raise ValueError(
            f"{path} gives features of shape {features.shape[1:]} an image; expected one axis, as "
            "of a model with pooling."
        )
    if np.isnan(features).any():
        raise ValueError(f"{path} gives features that are NaN; its training may have diverged.")
    return features.astype(np.float64), classes


class _Part(Split):
    """Some examples of a split, found by their places in its order."""

    def __init__(self, split: Split, places: np.ndarray):
        self.size = len(places)
        self.num_classes, self.image_shape = split.num_classes, split.image_shape
        self._split = split
        self._kept = np.isin(np.arange(split.size), places)

    def references(self, seed: tf.Tensor | None) -> tf.data.Dataset:
        kept = tf.constant(self._kept)
        numbered = self._split.references(seed).enumerate()
        return numbered.filter(lambda place, _: kept[place]).map(lambda _, reference: reference)

    def fetch(self, reference: Example) -> Example:
        return self._split.fetch(reference)

    def image(self, example: Example, function: MapImage) -> tf.Tensor:
        return self._split.image(example, function)

    def stored(self, example: Example) -> tf.Tensor:
        return self._split.stored(example)

    def open(self, stored: Any) -> Image.Image:
        return self._split.open(stored)
