"""What a TFLite file has to be compared with, and how near it has to come."""

from collections.abc import Iterable
from pathlib import Path
from typing import get_args

import keras
from tensorflow.lite.python import schema_py_generated as schema

from hub_export.checks import Accepted
from hub_export.device import Quantize
from hub_export.parts import Output, is_classifier, with_output
from hub_export.tflite_file import quantization_of

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


def describe(path: Path) -> tuple[Quantize, tuple[int | None, ...]]:
    """Return how a file is quantised and the (H, W, C) of its images, None where it takes any.

    Raises:
        ValueError: if it is no TFLite file.
    """
    content = path.read_bytes()
    if content[4:8] != b"TFL3":
        raise ValueError(f"{path} is no TFLite file.")
    try:
        graph = schema.Model.GetRootAs(content, 0).Subgraphs(0)
        tensor = graph.Tensors(graph.Inputs(0))
        sizes = tensor.ShapeAsNumpy() if tensor.ShapeSignatureIsNone() else None
        sizes = (tensor.ShapeSignatureAsNumpy() if sizes is None else sizes).tolist()
        return quantization_of(content), tuple(None if s < 0 else s for s in sizes[1:])
    except Exception as error:  # What reads a damaged file stumbles anywhere.
        raise ValueError(f"{path} is damaged ({error}).") from None


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
