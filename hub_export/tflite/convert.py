"""Converts a model to the content of a TFLite file."""

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Literal

import keras
import numpy as np
import tensorflow as tf
from tensorflow.lite.python.convert_phase import ConverterError

from hub_export.verification.tflite_file import Quantize

InputType = Literal["float32", "uint8"]
INTEGER_OPERATORS = {
    "int8": tf.lite.OpsSet.TFLITE_BUILTINS_INT8,
    "int16x8": tf.lite.OpsSet.EXPERIMENTAL_TFLITE_BUILTINS_ACTIVATIONS_INT16_WEIGHTS_INT8,
}


def convert(
    model: keras.Model,
    shape: tuple[int | None, ...],
    output: str,
    quantize: Quantize,
    input_type: InputType,
    calibration: np.ndarray | None,
) -> bytes:
    """Convert a model to a TFLite file that uses only TFLite's built-in operators.

    Args:
        model: A float32 model, already in the form that the file should compute.
        shape: Shape (B, H, W, C) of the file's input `images`.
        output: Name of the file's output.
        quantize: Types of the numbers; see `hub_export.tflite.export.export_tflite`.
        input_type: Type of `images`. With "uint8", the output of an "int8" file is uint8 too.
        calibration: Images (N, H, W, C), float32, for "int8" and "int16x8".

    Returns:
        The content of the file.

    Raises:
        ValueError: If TFLite has no operator for a part of the model.
    """
    # An int8 file uses uint8 images as its own integers; other files first cast them to floats.
    traced_type = input_type if quantize != "int8" else "float32"
    images = tf.TensorSpec(shape, traced_type, name="images")

    def serve(images: tf.Tensor) -> dict[str, tf.Tensor]:
        return {output: model(tf.cast(images, tf.float32), training=False)}

    with tempfile.TemporaryDirectory() as folder:
        archive = keras.export.ExportArchive()
        archive.track(model)
        archive.add_endpoint("serving_default", serve, input_signature=[images])
        archive.write_out(folder, verbose=False)
        converter = tf.lite.TFLiteConverter.from_saved_model(folder)
        if quantize != "none":
            converter.optimizations = [tf.lite.Optimize.DEFAULT]
        if quantize == "float16":
            converter.target_spec.supported_types = [tf.float16]
        if calibration is not None:
            batches = _calibration_batches(calibration, shape[0] or 1, traced_type)
            converter.representative_dataset = lambda: ([batch] for batch in batches)
            converter.target_spec.supported_ops = [INTEGER_OPERATORS[quantize]]
        if quantize == "int8" and input_type == "uint8":
            converter.inference_input_type = converter.inference_output_type = tf.uint8
        try:
            with _silent_stderr():
                return converter.convert()
        except ConverterError as error:
            raise ValueError(missing_operator_message(model, _error_line(error))) from None
        except RuntimeError as error:  # Raised during calibration or after it.
            raise ValueError(
                f"The model {model.name!r} can't be quantised to {quantize}: {_error_line(error)}."
            ) from None


def missing_operator_message(model: keras.Model, operators: str) -> str:
    """Return the message of the error about operators that a TFLite file can't have."""
    return f"TFLite has no built-in operator for a part of the model {model.name!r}: {operators}."


def _calibration_batches(images: np.ndarray, size: int, dtype: str) -> list[np.ndarray]:
    """Return the images in whole batches, with a black and a white pixel in the first image."""
    images = images.copy()
    if images.min() >= 0 and images.max() > 1:
        # The range of the input is then exactly [0, 255], so that its integers are the pixels.
        images[0, 0, 0], images[0, -1, -1] = 0, 255
    count = -(-len(images) // size)
    images = images[np.arange(count * size) % len(images)]
    return list(images.reshape(count, size, *images.shape[1:]).astype(dtype))


def _error_line(error: Exception) -> str:
    """Return the first line of an error, or the one that names missing operators."""
    lines = [line for line in str(error).splitlines() if line.strip()]
    missing = [line[14:].strip() for line in lines if line.startswith("TF Select ops:")]
    return (missing or lines or [type(error).__name__])[0].rstrip(".")


@contextmanager
def _silent_stderr() -> Iterator[None]:
    """Hide what the converter's C++ code prints, which Python's logging can't turn off."""
    stderr = os.dup(2)
    with open(os.devnull, "wb") as nowhere:
        os.dup2(nowhere.fileno(), 2)
    try:
        yield
    finally:
        os.dup2(stderr, 2)
        os.close(stderr)
