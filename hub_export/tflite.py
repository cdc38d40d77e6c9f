"""TFLite files for phones and other small machines."""

import tempfile
from functools import partial
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf
from tensorflow.lite.python import schema_py_generated as schema
from tensorflow.lite.python.convert_phase import ConverterError

from hub_export.saved_model import require_tensorflow
from hub_export.verification import Verification, export_verified


def export_tflite(
    model: keras.Model,
    path: str | Path,
    overwrite: bool = False,
    data: np.ndarray | str | Path | None = None,
) -> Verification:
    """Write a model as a float32 TFLite file, of TFLite's own operators alone.

    The file's input is the model's, one image at a time: (1, H, W, C), float32, pixels in
    [0, 255] for a model with `include_preprocessing=True`. Its output is the model's too. Every
    interpreter runs it, LiteRT's (`ai_edge_litert.interpreter`) among them.

    Before it takes its name it is loaded in a new process and compared; see `verify`.

    Args:
        model: of one input, computed in float32.
        path: the file to write. It appears whole or not at all.
        overwrite: whether to replace a file at `path`.
        data: images for the comparison, as `verify` takes them.

    Returns:
        What was compared.

    Raises:
        ValueError: if a layer computes in half precision or needs an operator that TFLite lacks,
            Keras does not run on TensorFlow, or the comparison fails.
        FileExistsError: if there is something at `path` that must stay.
        FileNotFoundError: if there is no folder to write into.

    Example:

    >>> import keras_mixers
    >>> model = keras_mixers.MLPMixer(8, 1, input_shape=(32, 32, 3), classes=5)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     export_tflite(model, f"{folder}/mixer.tflite").passed
    True

    Reference: https://ai.google.dev/edge/litert/conversion/tensorflow/convert_tf.
    """
    write = partial(write_tflite, model)
    return export_verified(write, model, Path(path), overwrite, data=data)


def write_tflite(model: keras.Model, path: Path) -> None:
    """Write what `export_tflite` writes, straight to `path`, without comparing it.

    Args:
        model: as for `export_tflite`.
        path: the file to write.

    Raises:
        ValueError: if the model can't be converted; see `export_tflite`.
    """
    require_tensorflow()
    _check_precision(model)
    content = _convert(model)
    foreign = custom_operators(content)
    if foreign:
        raise ValueError(_refusal(model, ", ".join(foreign)))
    path.write_bytes(content)


def custom_operators(content: bytes) -> list[str]:
    """Return the names of the operators of a TFLite file that are not TFLite's own."""
    file = schema.Model.GetRootAs(content, 0)
    codes = [file.OperatorCodes(i) for i in range(file.OperatorCodesLength())]
    return [
        code.CustomCode().decode()
        for code in codes
        if code.BuiltinCode() == schema.BuiltinOperator.CUSTOM
    ]


def _check_precision(model: keras.Model) -> None:
    for layer in model.layers:
        if layer.compute_dtype != "float32" and not isinstance(layer, keras.layers.InputLayer):
            raise ValueError(
                f"A TFLite file is float32, but in the model {model.name!r} the layer "
                f"{layer.name!r} computes in {layer.compute_dtype}; build the model under the "
                "float32 policy and give it the weights of this one."
            )


def _convert(model: keras.Model) -> bytes:
    # Batch 1: for a dynamic batch TFLite adds chains of shape operators, which take their time.
    image = keras.InputSpec(shape=(1, *model.inputs[0].shape[1:]), dtype="float32", name="images")
    with tempfile.TemporaryDirectory() as folder:
        model.export(folder, input_signature=[image], verbose=False)
        converter = tf.lite.TFLiteConverter.from_saved_model(folder)
        try:
            return converter.convert()
        except ConverterError as error:
            wanted = [line for line in str(error).splitlines() if line[:14] == "TF Select ops:"]
            reason = wanted[0][14:].strip() if wanted else str(error).splitlines()[0]
            raise ValueError(_refusal(model, reason)) from None


def _refusal(model: keras.Model, operators: str) -> str:
    return f"TFLite has no operator of its own for a part of the model {model.name!r}: {operators}."
