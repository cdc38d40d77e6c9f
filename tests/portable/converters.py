"""Converts a model to TFLite, ONNX or OpenVINO, and runs the result on images.

Each function returns what the foreign runtime computes. The packages are imported where they are
used: the everyday tests are collected without them.
"""

from pathlib import Path

import keras
import numpy as np
import tensorflow as tf


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


def custom_operators(content: bytes) -> list[str]:
    """Return the names of the operators in a TFLite file that its runtime does not bring."""
    from tensorflow.lite.python import schema_py_generated as schema

    file = schema.Model.GetRootAs(content)
    codes = [file.OperatorCodes(i) for i in range(file.OperatorCodesLength())]
    return [
        str(code.CustomCode())
        for code in codes
        if code.CustomCode() or code.BuiltinCode() == schema.BuiltinOperator.CUSTOM
    ]


def run_onnx(model: keras.Model, images: np.ndarray, folder: Path) -> np.ndarray:
    import onnxruntime

    path = folder / "model.onnx"
    model.export(str(path), format="onnx", verbose=False)
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    (name,) = (value.name for value in session.get_inputs())
    return session.run(None, {name: images})[0]


def run_openvino(model: keras.Model, images: np.ndarray, folder: Path) -> np.ndarray:
    import openvino

    path = folder / "model.xml"
    model.export(str(path), format="openvino", verbose=False)
    # Left to itself, OpenVINO computes in bfloat16 where the processor can.
    compiled = openvino.compile_model(str(path), "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
    return compiled(images)[0]
