"""What a TFLite file is asked to be, checked against its model."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import get_args

import keras

from hub_export.requirements import require_names, require_preprocessing
from hub_export.tflite.convert import InputType
from hub_export.tflite.metadata import Description
from hub_export.verification.tflite_file import Quantize
from keras_mixers.inference import takes_pixels
from keras_mixers.models.heads import Output, is_classifier

InputShape = tuple[int | None, int | None, int]


@dataclass(frozen=True)
class Settings:
    """What a TFLite file is asked to be; see `export_tflite`."""

    quantize: Quantize = "none"
    batch: int | None = 1
    input_shape: InputShape | None = None
    input_type: InputType | None = None
    output: Output | None = None
    labels: Sequence[str] | None = None
    licence: str | None = None


def check_choices(asked: Settings) -> None:
    """Raise ValueError if one of the choices is none that there is."""
    for name, value, known in (
        ("quantize", asked.quantize, get_args(Quantize)),
        ("output", asked.output, (*get_args(Output), None)),
    ):
        if value not in known:
            choices = ", ".join(map(repr, known))
            raise ValueError(f"{name} must be one of {choices}; received {value!r}.")
    batch = asked.batch
    if batch is not None and (not isinstance(batch, int) or batch < 1):
        raise ValueError(f"batch must be a positive integer, or None for any; received {batch!r}.")


def file_shape(model: keras.Model, asked: InputShape | None) -> InputShape:
    """Return the (H, W, C) of the file's images, or raise ValueError if they don't fit."""
    height, width, channels = shape = tuple(model.inputs[0].shape[1:])
    if asked is None:
        if None in shape:
            raise ValueError(
                f"The model {model.name!r} takes images of any size; pass input_shape=(224, 224, "
                f"{shape[-1]}) for a file of one, or (None, None, {shape[-1]}) to leave it open."
            )
        return height, width, channels
    fits = len(asked) == 3 and all(
        known in (None, size) for known, size in zip(shape, asked, strict=True)
    )
    if not fits:
        raise ValueError(
            f"The model {model.name!r} takes images of the shape {shape}; received "
            f"input_shape={tuple(asked)}."
        )
    return asked


def file_input_type(model: keras.Model, asked: InputType | None, quantize: Quantize) -> InputType:
    """Return the type of the file's images, or raise ValueError if it can't be had."""
    if asked not in (None, *get_args(InputType)):
        raise ValueError(f"input_type must be 'float32' or 'uint8'; received {asked!r}.")
    if asked == "uint8" and quantize == "int16x8":
        raise ValueError("TFLite reads no uint8 in an int16x8 file; leave input_type out.")
    if asked == "uint8":
        remedy = "pass input_type='float32'"
        require_preprocessing(model, "uint8 images are pixels in [0, 255]", remedy)
    if asked is not None:
        return asked
    return "uint8" if quantize == "int8" and takes_pixels(model) else "float32"


def description_of(
    network: keras.Model, model: keras.Model, labels: Sequence[str] | None, licence: str | None
) -> Description:
    """Return what the metadata say of a file of `network`, made of `model`."""
    if labels is not None:
        require_names(model, labels)
    output = "features"
    if is_classifier(model):
        output = "logits" if network.layers[-1].name == "head" else "probabilities"
    text = f"Gives the {output} of an image."
    return Description(model.name, text, output, labels, takes_pixels(model), licence)
