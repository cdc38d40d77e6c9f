"""What a trained model is worth: right predictions, of each class too, and images a second."""

import json
import time
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from training.data import Data, DataError
from training.evaluation.load_model import open_model
from training.evaluation.loaded_model import LoadedModel, Run

_TOP = 5


@dataclass(frozen=True)
class ClassEvaluation:
    """What was found of one class.

    Attributes:
        name: of the class.
        images: that show it.
        right: how many of them were predicted to.
    """

    name: str
    images: int
    right: int

    @property
    def share(self) -> float | None:
        """Share of right predictions; None where there is no image."""
        return self.right / self.images if self.images else None


@dataclass(frozen=True)
class Evaluation:
    """What was found of a model.

    Attributes:
        model: its path.
        data: their address.
        images: how many it was shown, each once.
        top1: share of images whose class is the likeliest one.
        top5: share of images whose class is among the five likeliest; None below 6 classes.
        seconds: all of it took, from the first image read to the last one predicted.
        images_per_second: reading included, of full batches without the first one, which compiles;
            None where there is no second one.
        size: height and width of the images.
        crop: side of the central crop, as a share of the resized image's shorter side.
        interpolation: filter of the resize.
        classes: what was found of each class, in the order of the data's.
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
        """Return what JSON can hold of it, the shares of the classes included."""
        classes = [{**asdict(found), "share": found.share} for found in self.classes]
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
) -> Evaluation:
    """Show a model the images that data keep to measure with, each once.

    Where the names of the classes are known on both sides, and are the same ones in another order,
    a prediction counts by its name; names that are no more than 0, 1, 2, ... are not known.

    Args:
        model: what `open_model` takes: a run's folder, a `.keras` file, a SavedModel's folder or
            `.tar.gz`, or a `.tflite` file.
        data: address, as `open_data` takes it.
        batch_size: of the images that are predicted at once; TFLite files take one by one.
        data_dir: of tensorflow-datasets; None: its usual one.
        labels: file with the names of the model's classes; None: those that came with the model.
        size: height and width of the images, for a model that takes any; None: 224.

    Raises:
        FileNotFoundError: if there is no such model or file of labels.
        DataError: if the data can't be opened, or don't fit the model.
        ValueError: if the model can't be loaded, has no classes, or predicts no numbers.

    Example:

    >>> import os, tempfile, keras_mixers
    >>> path = os.path.join(tempfile.mkdtemp(), "model.keras")
    >>> keras_mixers.ConvMixer(8, 1, 2, 3, input_shape=(8, 8, 1), classes=10).save(path)
    >>> found = evaluate(path, "digits")
    >>> found.images, found.classes[3].name, found.classes[3].images
    (364, '3', 37)
    """
    opened = open_model(model, labels)
    if opened.scores is None or opened.classes is None:
        raise ValueError(
            f"{opened.path} gives features, not class scores; expected a model with classes."
        )
    images = opened.data(data, data_dir)
    numbers = _numbers(images, opened, opened.classes)
    batches = opened.batches(images.validation, batch_size, size).as_numpy_iterator()
    truth, ranks, ends = _ranks(opened.scores, batches, numbers, opened.path)
    right = ranks < 1
    return Evaluation(
        model=str(model),
        data=data,
        images=len(truth),
        top1=float(right.mean()),
        top5=float((ranks < _TOP).mean()) if opened.classes > _TOP else None,
        seconds=ends[-1][1] - ends[0][1],
        images_per_second=_images_per_second(ends[1:], batch_size),
        size=opened.image_size(size),
        crop=opened.cut.crop,
        interpolation=opened.cut.interpolation,
        classes=tuple(
            ClassEvaluation(name, int((truth == i).sum()), int(right[truth == i].sum()))
            for i, name in enumerate(images.class_names)
        ),
    )


def _numbers(data: Data, model: LoadedModel, classes: int) -> np.ndarray:
    """Return the model's number of each class of the data.

    Raises:
        DataError: if the classes are not the same.
    """
    # As they are where a name is a line.
    names = tuple(" ".join(name.split()) for name in data.class_names)
    labels = model.labels
    if len(names) != classes:
        raise DataError(
            f"{data.address} has {len(names)} classes, and {model.path} {classes}; expected as "
            "many."
        )
    if labels is None or names == labels:
        return np.arange(classes)
    if len(set(names)) == classes and set(names) == set(labels):
        return np.array([labels.index(name) for name in names])
    if _no_names(names) or _no_names(labels):
        return np.arange(classes)
    ours = next((f"the class {name!r}" for name in names if name not in labels), "another order")
    theirs = next((f"the class {name!r}" for name in labels if name not in names), "a name twice")
    raise DataError(
        f"The classes differ: {data.address} alone has {ours}, and {model.path} {theirs}; give "
        "labels with the names of the data."
    )


def _no_names(names: tuple[str, ...]) -> bool:
    return names == tuple(map(str, range(len(names))))


def _ranks(
    scores: Run,
    batches: Iterable[tuple[np.ndarray, np.ndarray]],
    numbers: np.ndarray,
    path: Path,
) -> tuple[np.ndarray, np.ndarray, list[tuple[int, float]]]:
    """Return classes (B,), how many classes are found likelier (B,), and ends of batches.

    An end is the number of images and the time; the first is the start.
    """
    truths, ranks, ends = [], [], [(0, time.perf_counter())]
    for pixels, truth in batches:
        found = scores(pixels)
        if np.isnan(found).any():
            raise ValueError(f"{path} predicts NaN; its training may have diverged.")
        order = np.argsort(-found, axis=1, kind="stable")
        ranks.append((order == numbers[truth][:, np.newaxis]).argmax(axis=1))
        truths.append(truth)
        ends.append((len(truth), time.perf_counter()))
    return np.concatenate(truths), np.concatenate(ranks), ends


def _images_per_second(ends: list[tuple[int, float]], batch_size: int) -> float | None:
    full = [end for count, end in ends if count == batch_size]
    return (len(full) - 1) * batch_size / (full[-1] - full[0]) if len(full) > 1 else None
