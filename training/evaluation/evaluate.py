"""Evaluates a saved model: top-1 and top-5 accuracy, per-class accuracy, and throughput."""

import json
import time
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from hub_export.named_model import full_name
from training.data import Data, DataError
from training.evaluation.load_model import load_model
from training.evaluation.loaded_model import LoadedModel, PredictBatch, no_classes

_TOP = 5


@dataclass(frozen=True)
class ClassEvaluation:
    """The evaluation of one class.

    Attributes:
        name: name of the class.
        images: number of validation images of the class.
        right: number of these images that were predicted correctly.
    """

    name: str
    images: int
    right: int

    @property
    def share(self) -> float | None:
        """Share of correct predictions; None if the class has no images."""
        return self.right / self.images if self.images else None


@dataclass(frozen=True)
class Evaluation:
    """The evaluation of a model.

    Attributes:
        model: path of the model, or VARIANT:WEIGHTS.
        data: address of the data.
        images: number of validation images; each was predicted once.
        top1: share of images for which the class with the highest score is correct.
        top5: share of images for which one of the five classes with the highest scores is correct;
            None for fewer than 6 classes.
        seconds: time from reading the first image to predicting the last one.
        images_per_second: throughput in images per second, including reading, over all full batches
            but the first, in which the model is compiled; None for fewer than two full batches.
        size: height and width of the images.
        crop: side of the central crop, as a share of the resized image's shorter side.
        interpolation: filter of the resize.
        classes: evaluation of each class, in the data's order.
    """

    model: str
    data: str
    images: int
    top1: float
    top5: float | None
    seconds: float
    images_per_second: float | None
    size: tuple[int, int]
    crop: float
    interpolation: str
    classes: tuple[ClassEvaluation, ...]

    def to_dict(self) -> dict[str, Any]:
        """Return the evaluation as JSON types, including the share of each class."""
        classes = [{**asdict(each), "share": each.share} for each in self.classes]
        return {**asdict(self), "size": list(self.size), "classes": classes}

    def to_json(self) -> str:
        """Return the evaluation as JSON text."""
        return json.dumps(self.to_dict(), indent=2) + "\n"


def evaluate(
    model: str | Path,
    data: str,
    batch_size: int = 64,
    data_dir: str | Path | None = None,
    labels: str | Path | None = None,
    size: int | None = None,
    trust: bool = False,
    weights: str | None = None,
) -> Evaluation:
    """Evaluate a model on the validation images of a data set, each once.

    If both the model and the data name their classes, and the names are the same in another order,
    predictions are compared by name. Names that merely count (0, 1, 2, ...) are ignored.

    Args:
        model: a run's folder, a `.keras`, `.tflite` or `.onnx` file, a SavedModel's folder or
            `.tar.gz`, or a variant's name, as `load_model` takes it.
        data: address of the data, as `open_data` takes it.
        batch_size: number of images to predict at a time; a TFLite file with a fixed batch size
            keeps its own.
        data_dir: folder of tensorflow-datasets; None: its default.
        labels: file of the model's class names; None: those that came with the model.
        size: height and width of the images, for a model that takes any size; None: 224.
        trust: whether to run a SavedModel that may do more than compute; see `load_model`.
        weights: of a variant, the name of released weights or a file.

    Raises:
        FileNotFoundError: if there is no such model or file of labels.
        DataError: if the data can't be opened or don't fit the model.
        ValueError: if the model can't be loaded, isn't trusted, has no classes, or predicts NaN.

    Example:

    >>> import os, tempfile, keras_mixers
    >>> path = os.path.join(tempfile.mkdtemp(), "model.keras")
    >>> keras_mixers.ConvMixer(8, 1, 2, 3, input_shape=(8, 8, 1), classes=10).save(path)
    >>> evaluation = evaluate(path, "digits")
    >>> evaluation.images, evaluation.classes[3].name, evaluation.classes[3].images
    (364, '3', 37)
    """
    loaded = load_model(model, labels, trust, weights)
    if loaded.scores is None or loaded.classes is None:
        raise ValueError(no_classes(loaded))
    data_set = loaded.open_data(data, data_dir)
    outputs = _model_outputs(data_set, loaded, loaded.classes)
    batches = loaded.batches(data_set.validation, batch_size, size).as_numpy_iterator()
    truth, ranks, ends = _predict(loaded.scores, batches, outputs, loaded.path)
    right = ranks < 1
    return Evaluation(
        model=full_name(model, weights),
        data=data,
        images=len(truth),
        top1=float(right.mean()),
        top5=float((ranks < _TOP).mean()) if loaded.classes > _TOP else None,
        seconds=ends[-1][1] - ends[0][1],
        images_per_second=_images_per_second(ends[1:], batch_size),
        size=loaded.image_size(size),
        crop=loaded.crop,
        interpolation=loaded.interpolation,
        classes=tuple(
            ClassEvaluation(name, int((truth == i).sum()), int(right[truth == i].sum()))
            for i, name in enumerate(data_set.class_names)
        ),
    )


def _model_outputs(data: Data, model: LoadedModel, classes: int) -> np.ndarray:
    """Return, for each class of the data, the index of the model's output for it.

    Raises:
        DataError: if the data and the model have different classes.
    """
    # In a file of labels, a name takes one line.
    names = [" ".join(name.split()) for name in data.class_names]
    labels = model.labels
    if len(names) != classes:
        raise DataError(
            f"{data.address} has {len(names)} classes, but {model.path} has {classes}; expected "
            "the same number."
        )
    if labels is None or names == labels:
        return np.arange(classes)
    if len(set(names)) == classes and set(names) == set(labels):
        return np.array([labels.index(name) for name in names])
    if _merely_count(names) or _merely_count(labels):
        return np.arange(classes)
    raise DataError(
        f"The classes differ: {data.address} has {_difference(names, labels)}, and {model.path} "
        f"has {_difference(labels, names)}; give labels with the data's class names."
    )


def _merely_count(names: list[str]) -> bool:
    return names == [str(i) for i in range(len(names))]


def _difference(names: list[str], others: list[str]) -> str:
    """Say what makes these class names different from as many others."""
    unknown = next((name for name in names if name not in others), None)
    return "a name twice" if unknown is None else f"the class {unknown!r}"


def _predict(
    scores: PredictBatch,
    batches: Iterable[tuple[np.ndarray, np.ndarray]],
    outputs: np.ndarray,
    path: Path,
) -> tuple[np.ndarray, np.ndarray, list[tuple[int, float]]]:
    """Predict all images.

    Returns:
        The images' classes (N,); the rank (N,) of each image's class among the model's scores, 0
        for the highest; and for each batch its number of images and the time when it was done,
        after an entry (0, time) for the start.
    """
    truths, ranks, ends = [], [], [(0, time.perf_counter())]
    for pixels, truth in batches:
        predicted = scores(pixels)
        if np.isnan(predicted).any():
            raise ValueError(f"{path} predicts NaN; its training may have diverged.")
        order = np.argsort(-predicted, axis=1, kind="stable")
        ranks.append((order == outputs[truth][:, np.newaxis]).argmax(axis=1))
        truths.append(truth)
        ends.append((len(truth), time.perf_counter()))
    return np.concatenate(truths), np.concatenate(ranks), ends


def _images_per_second(ends: list[tuple[int, float]], batch_size: int) -> float | None:
    full = [end for count, end in ends if count == batch_size]
    return (len(full) - 1) * batch_size / (full[-1] - full[0]) if len(full) > 1 else None
