"""Converts a model to TFLite, ONNX or OpenVINO, and runs the result on images.

Each function returns what the foreign runtime computes. The packages are imported where they are
used: the everyday tests are collected without them.
"""

from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from hub_export.verification.tflite_file import custom_operators


def run_tflite(model: keras.Model, images: np.ndarray, folder: Path) -> np.ndarray:
    """Convert for one image at a time, with builtin operators alone."""
    from ai_edge_litert.interpreter import Interpreter

    archive = keras.export.ExportArchive()
    signature = [keras.InputSpec(shape=(1, *images.shape[1:]), dtype="float32", name="images")]
    archive.track(model)
    archive.add_endpoint("serve", model.call, input_signature=signature)
    archive.write_out(str(folder / "saved_model"), verbose=False)
    converter = tf.lite.TFLiteConverter.from_saved_model(str(folder / "saved_model"))
    converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS]
    content = converter.convert()
    assert not custom_operators(content)
    interpreter = Interpreter(model_content=content)
    runner = interpreter.get_signature_runner()
    return np.concatenate(
        [next(iter(runner(images=image[None]).values())) for image in images], axis=0
    )


def run_onnx(model: keras.Model, images: np.ndarray, folder: Path) -> np.ndarray:
    path = folder / "model.onnx"
    model.export(str(path), format="onnx", verbose=False)
    return onnx_output(path, images)


def onnx_output(path: Path, images: np.ndarray, batch: int | None = None) -> np.ndarray:
    """Return what an ONNX file of one input gives for images (B, H, W, C).

    A number as `batch` fixes the file's free batch before it is loaded.
    """
    import onnx
    import onnxruntime

    (entry,) = onnx.load(path).graph.input
    options = onnxruntime.SessionOptions()
    if batch is not None:
        free = entry.type.tensor_type.shape.dim[0].dim_param
        options.add_free_dimension_override_by_name(free, batch)
    session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    return session.run(None, {entry.name: images})[0]


def run_openvino(model: keras.Model, images: np.ndarray, folder: Path) -> np.ndarray:
    model.export(str(folder / "model.xml"), format="openvino", verbose=False)
    return openvino_output(folder, images)


def openvino_output(path: Path, images: np.ndarray, batch: int | None = None) -> np.ndarray:
    """Return what OpenVINO computes for images (B, H, W, C), from its own folder or an ONNX file.

    A number as `batch` fixes the network's free batch before it is compiled.
    """
    import openvino

    network = _read_network(path)
    if batch is not None:
        network.reshape([batch, *images.shape[1:]])
    # Left to itself, OpenVINO computes in bfloat16 where the processor can.
    options = {"INFERENCE_PRECISION_HINT": "f32"}
    return openvino.compile_model(network, "CPU", options)(images)[0]


def bounded_axes(path: Path) -> list[str]:
    """Return the operators for which OpenVINO expects an axis, such as the batch, up to a bound."""
    shapes = {
        operator.get_friendly_name(): output.get_partial_shape()
        for operator in _read_network(path).get_ordered_ops()
        for output in operator.outputs()
    }
    return [
        f"{name}: {shape}"
        for name, shape in shapes.items()
        if any(axis.is_dynamic and axis.get_max_length() >= 0 for axis in shape)
    ]


def _read_network(path: Path) -> Any:
    """Read OpenVINO's folder with `model.xml`, or an ONNX file."""
    import openvino

    return openvino.Core().read_model(path / "model.xml" if path.is_dir() else path)
