"""Loads a model's files back, as their users will, and measures them against the model."""

import statistics
import time
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf
from ai_edge_litert.interpreter import Interpreter

with warnings.catch_warnings():
    warnings.filterwarnings("ignore", "pkg_resources is deprecated", UserWarning)
    import tensorflow_hub

Predict = Callable[[np.ndarray], np.ndarray]
TIMED_IMAGES = 100


@dataclass(frozen=True)
class Comparison:
    """What was measured of one file, loaded back, on labelled images.

    Attributes:
        file: its name.
        accuracy: share of right predictions.
        agreement: share of predictions that are the model's.
        largest_difference: from the model's probabilities.
        size: in bytes.
        seconds_per_image: median, one image at a time.
    """

    file: str
    accuracy: float
    agreement: float
    largest_difference: float
    size: int
    seconds_per_image: float


def load_keras(path: Path) -> Predict:
    """Return what maps pixels (B, H, W, C) in [0, 255] to a `.keras` file's probabilities."""
    return keras.models.load_model(path).predict_on_batch


def load_saved_model(path: Path) -> Predict:
    """Return what maps pixels in [0, 255] to the probabilities of an `export_saved_model`."""
    loaded = tensorflow_hub.load(str(path))

    def predict(images: np.ndarray) -> np.ndarray:
        return tf.nn.softmax(loaded(images.astype("float32") / 255)).numpy()

    return predict


def load_tflite(path: Path) -> Predict:
    """Return what maps pixels in [0, 255] to the outputs of an `export_tflite`."""
    runner = Interpreter(str(path)).get_signature_runner()

    def predict(images: np.ndarray) -> np.ndarray:
        one_by_one = (image[np.newaxis] for image in images.astype("float32"))
        return np.concatenate([runner(images=image)["output_0"] for image in one_by_one])

    return predict


def compare(
    path: Path, predict: Predict, images: np.ndarray, labels: np.ndarray, expected: np.ndarray
) -> Comparison:
    """Measure the predictions of a file against the labels and against the model's.

    Args:
        path: of the file or folder.
        predict: what was loaded from it.
        images: (B, H, W, C), pixels in [0, 255].
        labels: (B,), the right classes.
        expected: (B, classes), the model's own probabilities.
    """
    probabilities = predict(images)
    predicted = probabilities.argmax(axis=-1)
    files = [path] if path.is_file() else [file for file in path.rglob("*") if file.is_file()]
    return Comparison(
        file=path.name,
        accuracy=float((predicted == labels).mean()),
        agreement=float((predicted == expected.argmax(axis=-1)).mean()),
        largest_difference=float(np.abs(probabilities - expected).max()),
        size=sum(file.stat().st_size for file in files),
        seconds_per_image=_seconds_per_image(predict, images),
    )


def _seconds_per_image(predict: Predict, images: np.ndarray) -> float:
    predict(images[:1])  # The first call also traces or allocates.
    durations = []
    for i in range(min(TIMED_IMAGES, len(images))):
        start = time.perf_counter()
        predict(images[i : i + 1])
        durations.append(time.perf_counter() - start)
    return statistics.median(durations)
