"""Converts a model to TFLite, ONNX or OpenVINO, and runs the result on images.

Each function returns what the foreign runtime computes. The packages are imported where they are
used: the everyday tests are collected without them.
"""

from pathlib import Path

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


def onnx_output(path: Path, images: np.ndarray) -> np.ndarray:
    """Return what an ONNX file of one input gives for images (B, H, W, C)."""
    import onnxruntime

    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    (name,) = (value.name for value in session.get_inputs())
    return session.run(None, {name: images})[0]


def run_openvino(model: keras.Model, images: np.ndarray, folder: Path) -> np.ndarray:
    model.export(str(folder / "model.xml"), format="openvino", verbose=False)
    return openvino_output(folder, images)


def openvino_output(folder: Path, images: np.ndarray) -> np.ndarray:
    """Return what the OpenVINO network in a folder gives for images (B, H, W, C)."""
    import openvino

    # Left to itself, OpenVINO computes in bfloat16 where the processor can.
    options = {"INFERENCE_PRECISION_HINT": "f32"}
    return openvino.compile_model(str(folder / "model.xml"), "CPU", options)(images)[0]
