"""How close a TFLite file must be to its model, and the model in the form that the file has."""

from collections.abc import Iterable
from typing import get_args

import keras

from hub_export.verification.comparison import Tolerances
from hub_export.verification.tflite_file import Quantize
from keras_mixers.models.heads import Output, is_classifier, with_output

# The names of a file's output, if the export was asked for one of them.
OUTPUT_NAMES: tuple[Output, ...] = get_args(Output)

# Coarse integers can change the output for a single image a lot, but hardly the average over the
# images. The scores of a barely trained network have a high cosine similarity with those of any
# other; `score_loss` tells them apart.
TFLITE_TOLERANCES: dict[Quantize, Tolerances] = {
    "none": Tolerances(0.0),
    "float16": Tolerances(0.02, 0.999, 0.1),
    "dynamic": Tolerances(0.1, 0.99, 0.1),
    "int16x8": Tolerances(0.5, 0.99, 0.1),
    "int8": Tolerances(1.0, 0.95, 0.1),
}


def with_input_shape(model: keras.Model, shape: tuple[int | None, ...]) -> keras.Model:
    """Return a model for images of any size as a model for images of one shape (H, W, C)."""
    own = tuple(model.inputs[0].shape[1:])
    if own == shape or None not in own or len(own) != len(shape):
        return model
    images = keras.Input(shape, name="images", dtype=model.inputs[0].dtype)
    copy = keras.models.clone_model(model, input_tensors=images)
    copy.set_weights(model.get_weights())
    return copy


def with_output_of_file(model: keras.Model, output_names: Iterable[str]) -> keras.Model:
    """Return a classifier with the output, logits or probabilities, that a file's names say."""
    requested = next((name for name in OUTPUT_NAMES if name in output_names), None)
    return with_output(model, requested) if requested and is_classifier(model) else model
