"""What exports ask for: packages of an extra, and a model and labels that fit."""

import importlib.util
from collections.abc import Sequence

import keras

from keras_mixers.inference import takes_pixels
from keras_mixers.labels import check_count
from keras_mixers.models.heads import is_classifier


def require_packages(extra: str, *packages: str) -> None:
    """Raise ImportError if one of `packages` is missing; the message names the extra with them.

    >>> require_packages("onnx", "json")
    """
    for package in packages:
        if importlib.util.find_spec(package) is None:
            raise ImportError(
                f"The package {package!r} is not installed: pip install 'keras-mixers[{extra}]'."
            )


def require_tensorflow() -> None:
    """Raise ValueError unless Keras runs on TensorFlow, whose graphs are what is written."""
    if keras.backend.backend() != "tensorflow":
        raise ValueError(
            "Exports need Keras to run on TensorFlow; received the backend "
            f"{keras.backend.backend()!r}. Set KERAS_BACKEND=tensorflow and load the model again."
        )


def require_preprocessing(model: keras.Model, pixels: str, remedy: str) -> None:
    """Raise ValueError unless a model itself normalises the pixels that it is about to get."""
    if not takes_pixels(model):
        raise ValueError(
            f"{pixels}, and without a layer 'preprocessing' it is not known which the model "
            f"{model.name!r} expects; {remedy}."
        )


def require_classes(model: keras.Model, what: str) -> None:
    """Raise ValueError if a model has no classes, which `what` is about."""
    if not is_classifier(model):
        raise ValueError(f"The model {model.name!r} has no classes; leave the {what} out.")


def require_names(model: keras.Model, labels: Sequence[str]) -> None:
    """Raise ValueError unless there is a label, of one line, for each class of a model."""
    require_classes(model, "labels")
    check_count("The labels", labels, model.outputs[0].shape[-1])
    for label in labels:
        if not label.strip() or len(label.splitlines()) > 1:
            raise ValueError(f"A label must be one line of text; received {label!r}.")
