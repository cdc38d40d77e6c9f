"""The settings of a TFLite file, checked against the model that it is made from."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import get_args

import keras

from hub_export.requirements import require_label_per_class, require_preprocessing_layer
from hub_export.tflite.convert import InputType
from hub_export.tflite.metadata import FileDescription
from hub_export.verification.tflite_file import Quantize
from keras_mixers.inference import takes_pixels
from keras_mixers.models.heads import Output, is_classifier

InputShape = tuple[int | None, int | None, int]


@dataclass(frozen=True)
class Settings:
    """What a TFLite file should be like; the arguments of `export_tflite` of the same names."""

    quantize: Quantize = "none"
    batch: int | None = 1
    input_shape: InputShape | None = None
    input_type: InputType | None = None
    output: Output | None = None
    labels: Sequence[str] | None = None
    licence: str | None = None


def check_settings(settings: Settings) -> None:
    """Raise ValueError if `quantize`, `output` or `batch` isn't one of the possible values."""
    for name, value, known in (
        ("quantize", settings.quantize, get_args(Quantize)),
        ("output", settings.output, (*get_args(Output), None)),
    ):
        if value not in known:
            choices = ", ".join(map(repr, known))
            raise ValueError(f"{name} must be one of {choices}; received {value!r}.")
    batch = settings.batch
    if batch is not None and (not isinstance(batch, int) or batch < 1):
        raise ValueError(f"batch must be a positive integer, or None for any; received {batch!r}.")


def choose_input_shape(model: keras.Model, requested: InputShape | None) -> InputShape:
    """Return the shape (H, W, C) of the file's images; ValueError if it doesn't fit the model."""
    height, width, channels = shape = tuple(model.inputs[0].shape[1:])
    if requested is None:
        if None in shape:
            raise ValueError(
                f"The model {model.name!r} takes images of any size; pass input_shape=(224, 224, "
                f"{shape[-1]}) for a file that takes one size, or (None, None, {shape[-1]}) for "
                "any."
            )
        return height, width, channels
    fits = len(requested) == 3 and all(
        known in (None, size) for known, size in zip(shape, requested, strict=True)
    )
    if not fits:
        raise ValueError(
            f"The model {model.name!r} takes images of shape {shape}; received "
            f"input_shape={tuple(requested)}."
        )
    return requested


def choose_input_type(
    model: keras.Model, requested: InputType | None, quantize: Quantize
) -> InputType:
    """Return the type of the file's images; ValueError if the requested one isn't possible."""
    if requested not in (None, *get_args(InputType)):
        raise ValueError(f"input_type must be 'float32' or 'uint8'; received {requested!r}.")
    if requested == "uint8" and quantize == "int16x8":
        raise ValueError("An int16x8 file can't take uint8 images; leave input_type out.")
    if requested == "uint8":
        remedy = "pass input_type='float32'"
        require_preprocessing_layer(model, "uint8 images are pixels in [0, 255]", remedy)
    if requested is not None:
        return requested
    return "uint8" if quantize == "int8" and takes_pixels(model) else "float32"


def describe_file(
    network: keras.Model, model: keras.Model, labels: Sequence[str] | None, licence: str | None
) -> FileDescription:
    """Return the metadata of a TFLite file.

    Args:
        network: The model that the file computes: `model`, perhaps with another output.
        model: The model that is exported.
        labels: Names of the classes.
        licence: SPDX identifier of the weights' licence.

    Raises:
        ValueError: If there isn't one label per class.
    """
    if labels is not None:
        require_label_per_class(model, labels)
    output = "features"
    if is_classifier(model):
        output = "logits" if network.layers[-1].name == "head" else "probabilities"
    text = f"Gives the {output} of an image."
    return FileDescription(model.name, text, output, labels, takes_pixels(model), licence)
