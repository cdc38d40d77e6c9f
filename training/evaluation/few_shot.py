"""Few-shot evaluation: a linear probe on frozen features of a few training images per class."""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import fmean
from typing import Any

import numpy as np
import tensorflow as tf

from hub_export.named_model import full_name
from training.data import Data, DataError, Split
from training.data.subset import Subset
from training.evaluation.load_model import load_model
from training.evaluation.loaded_model import LoadedModel, PredictBatch

L2 = 2.0**10
_MIN_STD = 1e-5  # Added to each feature's standard deviation, as in Big Vision.


@dataclass(frozen=True)
class FewShot:
    """The few-shot evaluation of a model's features.

    Attributes:
        model: path of the model, or VARIANT:WEIGHTS.
        data: address of the data.
        shots: number of training images per class.
        l2: strength of the L2 regularisation.
        images: number of validation images.
        seeds: seeds of the draws of training images.
        accuracies: top-1 accuracy for each seed, as a share.
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
        """Mean accuracy over the seeds."""
        return fmean(self.accuracies)

    def to_dict(self) -> dict[str, Any]:
        """Return the result as JSON types, including the mean."""
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
    trust: bool = False,
    weights: str | None = None,
) -> FewShot:
    """Fit a linear classifier to frozen features of a few training images per class.

    The features are the input of the model's head, standardised to mean 0 and standard deviation 1
    over the drawn images. `fit_least_squares` fits them to targets of 1 for an image's class and -1
    for the others; the class with the largest output is the prediction. The default `l2` is Big
    Vision's constant, and nothing is tuned on the validation images.

    Args:
        model: a run's folder, a `.keras` file, a SavedModel's folder or `.tar.gz`, or a variant's
            name. A classifier's features are those before its head.
        data: address of the data, as `open_data` takes it; its classes may differ from the model's.
        shots: number of training images to draw per class.
        seeds: seeds of the draws; one probe is fitted for each.
        l2: strength of the L2 regularisation, above 0.
        batch_size: number of images whose features are computed at a time.
        data_dir: folder of tensorflow-datasets; None: its default.
        size: height and width of the images, for a model that takes any size; None: 224.
        trust: whether to run a SavedModel that may do more than compute; see `load_model`.
        weights: of a variant, the name of released weights or a file.

    Raises:
        FileNotFoundError: if there is no such model.
        DataError: if the data can't be opened, don't fit the model, or have a class with fewer than
            `shots` training images.
        ValueError: if the model can't be loaded, isn't trusted or has no features (B, features), or
            an argument is out of range.

    Example:

    >>> import os, tempfile, keras_mixers
    >>> path = os.path.join(tempfile.mkdtemp(), "model.keras")
    >>> keras_mixers.ConvMixer(8, 1, 2, 3, input_shape=(8, 8, 1), classes=10).save(path)
    >>> result = few_shot(path, "digits", shots=1, seeds=(0, 1))
    >>> result.images, len(result.accuracies)
    (364, 2)

    Reference: https://arxiv.org/abs/2105.01601; the evaluator `fewshot_lsr` of
    https://github.com/google-research/big_vision.
    """
    if shots < 1:
        raise ValueError(f"shots must be at least 1; received {shots}.")
    if not seeds or min(seeds) < 0:
        raise ValueError(
            f"seeds must be one or more integers of at least 0; received {tuple(seeds)}."
        )
    if l2 <= 0:
        raise ValueError(f"l2 must be above 0; received {l2}.")
    loaded = load_model(model, trust=trust, weights=weights)
    predict = _feature_function(loaded)
    data_set = loaded.open_data(data, data_dir)

    def compute_features(split: Split) -> tuple[np.ndarray, np.ndarray]:
        return _compute_features(predict, loaded.batches(split, batch_size, size), loaded.path)

    classes = _read_classes(data_set.train)
    draws = [_draw_examples(data_set, classes, shots, seed) for seed in seeds]
    drawn = np.unique(np.concatenate(draws))
    features, _ = compute_features(Subset(data_set.train, drawn))
    validation = compute_features(data_set.validation)
    accuracies = []
    for draw in draws:
        targets = 2.0 * (classes[draw][:, np.newaxis] == np.arange(data_set.num_classes)) - 1
        drawn_features = features[np.searchsorted(drawn, draw)]
        accuracies.append(_probe_accuracy(drawn_features, targets, l2, *validation))
    name, images = full_name(model, weights), len(validation[1])
    return FewShot(name, data, shots, l2, images, tuple(seeds), tuple(accuracies))


def _probe_accuracy(
    features: np.ndarray, targets: np.ndarray, l2: float, validation: np.ndarray, truth: np.ndarray
) -> float:
    """Fit a probe to features and targets, and return its accuracy on validation features."""
    mean, std = features.mean(axis=0), features.std(axis=0) + _MIN_STD
    weights, bias = fit_least_squares((features - mean) / std, targets, l2)
    outputs = (validation - mean) / std @ weights + bias
    return float((outputs.argmax(axis=1) == truth).mean())


def fit_least_squares(
    features: np.ndarray, targets: np.ndarray, l2: float
) -> tuple[np.ndarray, np.ndarray]:
    """Return weights (F, outputs) and bias (outputs,) of the regularised linear regression.

    They minimise |features @ weights + bias - targets|^2 + l2 |weights|^2. The solution is in
    closed form, from a linear system of min(N, F) equations.

    Args:
        features: (N, F).
        targets: (N, outputs).
        l2: strength of the regularisation, above 0; the bias is not regularised.

    >>> weights, bias = fit_least_squares(np.array([[0.0], [2.0]]), np.array([[1.0], [5.0]]), 2.0)
    >>> weights.tolist(), bias.tolist()
    ([[1.0]], [2.0])
    """
    x, y = (np.asarray(array, np.float64) for array in (features, targets))
    x_mean, y_mean = x.mean(axis=0), y.mean(axis=0)
    x, y = x - x_mean, y - y_mean
    rows, columns = x.shape
    if rows < columns:
        weights = x.T @ np.linalg.solve(x @ x.T + l2 * np.eye(rows), y)
    else:
        weights = np.linalg.solve(x.T @ x + l2 * np.eye(columns), x.T @ y)
    return weights, y_mean - x_mean @ weights


def _feature_function(model: LoadedModel) -> PredictBatch:
    if model.features is None:
        raise ValueError(
            f"{model.path} gives class scores and no features; expected a SavedModel with "
            "`features`, or a .keras file whose last Dense layer is called 'head'."
        )
    return model.features


def _read_classes(split: Split) -> np.ndarray:
    """Return the classes (N,) of a split, without decoding its images."""
    examples = split.references(None).map(
        lambda reference: split.fetch(reference)["label"],
        num_parallel_calls=tf.data.AUTOTUNE,
        deterministic=True,
    )
    return np.concatenate([*examples.batch(1024).as_numpy_iterator()])


def _draw_examples(data: Data, classes: np.ndarray, shots: int, seed: int) -> np.ndarray:
    """Return the positions of `shots` examples per class in the training split."""
    random = np.random.default_rng(seed)
    drawn = []
    for number, name in enumerate(data.class_names):
        members = np.flatnonzero(classes == number)
        if len(members) < shots:
            raise DataError(
                f"{data.address}: the class {name!r} has {len(members)} training images; expected "
                f"at least {shots}; take fewer shots."
            )
        drawn.append(random.permutation(members)[:shots])
    return np.concatenate(drawn)


def _compute_features(
    predict: PredictBatch, batches: tf.data.Dataset, path: Path
) -> tuple[np.ndarray, np.ndarray]:
    """Return features (N, F), float64, and classes (N,)."""
    pairs = [(predict(pixels), classes) for pixels, classes in batches.as_numpy_iterator()]
    features, classes = (np.concatenate(parts) for parts in zip(*pairs, strict=True))
    if features.ndim != 2:
        raise ValueError(
            f"{path} gives features of shape {features.shape[1:]} per image; expected one axis, as "
            "from a model with pooling."
        )
    if np.isnan(features).any():
        raise ValueError(f"{path} gives NaN features; its training may have diverged.")
    return features.astype(np.float64), classes
