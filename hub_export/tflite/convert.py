"""From a model to the bytes of a TFLite file."""

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
INTEGERS = {
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
    """Convert a model with TFLite's own operators alone.

    Args:
        model: of float32, in the form to convert.
        shape: (B, H, W, C) of the file's input `images`.
        output: name of the file's output.
        quantize: see `hub_export.tflite.export.export_tflite`.
        input_type: of `images`. An integer file of uint8 images gives uint8 too.
        calibration: images (N, H, W, C), float32, for "int8" and "int16x8".

    Raises:
        ValueError: if TFLite has no operator for a part of the model.
    """
    # A file of int8 reads uint8 as its own numbers; in all others they become floats first.
    cast = input_type if quantize != "int8" else "float32"
    images = tf.TensorSpec(shape, cast, name="images")

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
            batches = _batches(calibration, shape[0] or 1, cast)
            converter.representative_dataset = lambda: ([batch] for batch in batches)
            converter.target_spec.supported_ops = [INTEGERS[quantize]]
        if quantize == "int8" and input_type == "uint8":
            converter.inference_input_type = converter.inference_output_type = tf.uint8
        try:
            with _quiet():
                return converter.convert()
        except ConverterError as error:
            raise ValueError(refusal(model, _reason(error))) from None
        except RuntimeError as error:  # While the images of the calibration are run, or after.
            raise ValueError(
                f"The model {model.name!r} can't be quantised to {quantize}: {_reason(error)}."
            ) from None


def refusal(model: keras.Model, operators: str) -> str:
    """Return the message for operators that can't be in the file."""
    return f"TFLite has no operator of its own for a part of the model {model.name!r}: {operators}."


def _batches(images: np.ndarray, size: int, dtype: str) -> list[np.ndarray]:
    """Return whole batches of the images, the first of which shows black and white."""
    images = images.copy()
    if images.min() >= 0 and images.max() > 1:
        # So that the integers of the input are the pixels themselves.
        images[0, 0, 0], images[0, -1, -1] = 0, 255
    count = -(-len(images) // size)
    images = images[np.arange(count * size) % len(images)]
    return list(images.reshape(count, size, *images.shape[1:]).astype(dtype))


def _reason(error: Exception) -> str:
    lines = [line for line in str(error).splitlines() if line.strip()]
    wanted = [line[14:].strip() for line in lines if line.startswith("TF Select ops:")]
    return (wanted or lines or [type(error).__name__])[0].rstrip(".")


@contextmanager
def _quiet() -> Iterator[None]:
    """Hide what the converter prints, past Python's logging, of its own workings."""
    stderr = os.dup(2)
    with open(os.devnull, "wb") as nowhere:
        os.dup2(nowhere.fileno(), 2)
    try:
        yield
    finally:
        os.dup2(stderr, 2)
        os.close(stderr)
