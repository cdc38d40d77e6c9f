"""Checks what exports need: installed packages, a suitable model, and labels that fit it."""

import importlib.util
from collections.abc import Sequence

import keras

from keras_mixers.inference import takes_pixels
from keras_mixers.labels import check_count
from keras_mixers.models.heads import is_classifier
from keras_mixers.printable import has_controls


def require_packages(extra: str, *packages: str) -> None:
    """Raise ImportError if one of `packages` is missing; the message names the extra to install.

    >>> require_packages("onnx", "json")
    """
    for package in packages:
        if importlib.util.find_spec(package) is None:
            raise ImportError(
                f"The package {package!r} is not installed: pip install 'keras-mixers[{extra}]'."
            )


def require_tensorflow() -> None:
    """Raise ValueError unless Keras runs on TensorFlow, whose graphs the exports are made from."""
    if keras.backend.backend() != "tensorflow":
        raise ValueError(
            "Exports need Keras to run on TensorFlow; received the backend "
            f"{keras.backend.backend()!r}. Set KERAS_BACKEND=tensorflow and load the model again."
        )


def require_preprocessing_layer(model: keras.Model, pixels: str, remedy: str) -> None:
    """Raise ValueError unless a model normalises pixels in [0, 255] itself.

    Args:
        model: The model.
        pixels: What the error says about the pixels, such as "uint8 images are in [0, 255]".
        remedy: What the error tells the user to do.
    """
    if not takes_pixels(model):
        raise ValueError(
            f"{pixels}, but the model {model.name!r} has no layer 'preprocessing' that says which "
            f"pixels it expects; {remedy}."
        )


def require_classifier(model: keras.Model, argument: str) -> None:
    """Raise ValueError if a model has no classes, so that `argument` makes no sense for it."""
    if not is_classifier(model):
        raise ValueError(f"The model {model.name!r} has no classes; leave the {argument} out.")


def require_label_per_class(model: keras.Model, labels: Sequence[str]) -> None:
    """Raise ValueError unless there is one label, a line of text, for each class of a model."""
    require_classifier(model, "labels")
    check_count("The labels", labels, model.outputs[0].shape[-1])
    for label in labels:
        if not label.strip() or has_controls(label):
            raise ValueError(
                f"A label must be one line of text; received {label!r}; leave control "
                "characters out."
            )
