"""What a TFLite file has to be compared with, and how near it has to come."""

from collections.abc import Iterable
from typing import get_args

import keras

from hub_export.verification.comparison import Accepted
from hub_export.verification.tflite_file import Quantize
from keras_mixers.models.heads import Output, is_classifier, with_output

# What a file calls its output, if it was told which to have.
OUTPUTS: tuple[Output, ...] = get_args(Output)

# Differences of single images are large where integers are coarse; all of them together are not.
# The scores of a network that has not learned much have high cosines with any other's: `lost` tells
# them apart.
ACCEPTED: dict[Quantize, Accepted] = {
    "none": Accepted(0.0),
    "float16": Accepted(0.02, 0.999, 0.1),
    "dynamic": Accepted(0.1, 0.99, 0.1),
    "int16x8": Accepted(0.5, 0.99, 0.1),
    "int8": Accepted(1.0, 0.95, 0.1),
}


def of_shape(model: keras.Model, shape: tuple[int | None, ...]) -> keras.Model:
    """Return a model of any size as one of the size that a file takes."""
    own = tuple(model.inputs[0].shape[1:])
    if own == shape or None not in own or len(own) != len(shape):
        return model
    images = keras.Input(shape, name="images", dtype=model.inputs[0].dtype)
    copy = keras.models.clone_model(model, input_tensors=images)
    copy.set_weights(model.get_weights())
    return copy


def of_output(model: keras.Model, names: Iterable[str]) -> keras.Model:
    """Return the model whose output is that of a file, by its name."""
    asked = next((name for name in OUTPUTS if name in names), None)
    return with_output(model, asked) if asked and is_classifier(model) else model
