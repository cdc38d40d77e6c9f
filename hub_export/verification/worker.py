"""Loads an export as its users do and runs it: `python -m hub_export.verification.worker`.

The command's arguments are EXPORT IN.npy OUT.npz. IN.npy holds pixels (B, H, W, C), uint8; each
output (B, ...) is written to OUT.npz under the name that `verify` gives it. This runs in a process
of its own, so that nothing of the exported model that is still in memory can stand in for it. It
ends as soon as its standard input does.
"""

import os
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

BATCH = 8
OPENVINO_FILE = "model.xml"
Outputs = dict[str, np.ndarray]


def load_export(path: Path, threads: int | None = None) -> Callable[[np.ndarray], Outputs]:
    """Return a function from pixels (B, H, W, C), uint8, to the outputs of an export, by name.

    Args:
        path: The file or folder of the export.
        threads: Number of threads of a runtime other than TensorFlow; its own choice by default.
    """
    if (path / OPENVINO_FILE).is_file():
        return _load_openvino(path, threads)
    if path.is_dir():
        return _load_saved_model(path)
    return (_load_onnx if path.suffix == ".onnx" else _load_tflite)(path, threads)


def _load_saved_model(path: Path) -> Callable[[np.ndarray], Outputs]:
    import tensorflow as tf

    loaded = tf.saved_model.load(str(path))
    if not callable(loaded):
        raise ValueError("the SavedModel can't be called, only its signatures can")

    def run(pixels: np.ndarray) -> Outputs:
        images = tf.constant(pixels / np.float32(255))
        outputs = {"call": loaded(images, training=False)}
        if hasattr(loaded, "features"):
            outputs["features"] = loaded.features(images, training=False)
        for name, signature in loaded.signatures.items():
            for key, value in signature(images=images).items():
                outputs[f"{name}:{key}"] = value
        return {name: value.numpy() for name, value in outputs.items()}

    return run


def _load_tflite(path: Path, threads: int | None) -> Callable[[np.ndarray], Outputs]:
    from ai_edge_litert.interpreter import Interpreter

    runner = Interpreter(str(path), num_threads=threads).get_signature_runner()
    (images,) = runner.get_input_details().values()
    details = runner.get_output_details()
    size = int(images["shape_signature"][0])

    def run(pixels: np.ndarray) -> Outputs:
        batch = len(pixels) if size < 0 else size
        # If the file has a fixed batch size, the last batch is filled up with the first images.
        padded = pixels[np.arange(-(-len(pixels) // batch) * batch) % len(pixels)]
        entered = _quantise_input(padded, images)
        parts = [runner(images=entered[i : i + batch]) for i in range(0, len(entered), batch)]
        return {
            name: np.concatenate([_dequantise_output(part[name], details[name]) for part in parts])[
                : len(pixels)
            ]
            for name in details
        }

    return run


def _quantise_input(pixels: np.ndarray, details: dict) -> np.ndarray:
    """Return pixels as the numbers of an input tensor, whose details come from LiteRT."""
    scale, zero = details["quantization"]
    if scale == 0 or details["dtype"] == np.float32:
        return pixels.astype(details["dtype"])
    limits = np.iinfo(details["dtype"])
    numbers = np.rint(pixels / np.float32(scale)) + zero
    return np.clip(numbers, limits.min, limits.max).astype(details["dtype"])


def _dequantise_output(numbers: np.ndarray, details: dict) -> np.ndarray:
    """Return the values that the numbers of an output tensor stand for."""
    scale, zero = details["quantization"]
    if scale == 0 or numbers.dtype == np.float32:
        return numbers
    return (numbers.astype("float32") - zero) * np.float32(scale)


def _load_onnx(path: Path, threads: int | None) -> Callable[[np.ndarray], Outputs]:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads or 0
    session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    names = [output.name for output in session.get_outputs()]

    def run(pixels: np.ndarray) -> Outputs:
        images = pixels.astype("float32")
        return dict(zip(names, session.run(names, {"images": images}), strict=True))

    return run


def _load_openvino(path: Path, threads: int | None) -> Callable[[np.ndarray], Outputs]:
    import openvino

    # By default, OpenVINO computes in bfloat16 if the processor supports it.
    options: dict[str, object] = {"INFERENCE_PRECISION_HINT": "f32"}
    if threads is not None:
        options["INFERENCE_NUM_THREADS"] = threads
    network = openvino.compile_model(str(path / OPENVINO_FILE), "CPU", options)

    def run(pixels: np.ndarray) -> Outputs:
        results = network({"images": pixels.astype("float32")})
        return {output.any_name: value for output, value in results.items()}

    return run


def main(path: str, pixels: str, outputs: str) -> None:
    """Load the export at `path`, run it on the file `pixels` and write the file `outputs`."""
    run = load_export(Path(path))
    images = np.load(pixels)
    parts = [run(images[i : i + BATCH]) for i in range(0, len(images), BATCH)]
    whole: dict[str, Any] = {name: np.concatenate([p[name] for p in parts]) for name in parts[0]}
    np.savez(outputs, **whole)


def end_with_standard_input() -> None:
    """End this process as soon as the one that started it is gone: its end of the pipe closes."""

    def wait() -> None:
        while os.read(0, 1):
            pass
        os._exit(1)

    threading.Thread(target=wait, daemon=True).start()


if __name__ == "__main__":
    end_with_standard_input()
    main(*sys.argv[1:])
