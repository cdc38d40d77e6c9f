"""Loads an export as its users will, and runs it, in a process of its own.

`python -m hub_export.verification.worker EXPORT IN.npy OUT.npz`

IN.npy holds pixels (B, H, W, C), uint8. OUT.npz gets each output (B, ...) under the name that
`verify` knows it by. In a process of its own nothing of the exported model can answer in its place.
"""

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

BATCH = 8
OPENVINO_FILE = "model.xml"
Outputs = dict[str, np.ndarray]


def load_export(path: Path) -> Callable[[np.ndarray], Outputs]:
    """Return what maps pixels (B, H, W, C), uint8, to all that a file or folder gives for them."""
    if (path / OPENVINO_FILE).is_file():
        return _load_openvino(path)
    if path.is_dir():
        return _load_saved_model(path)
    return _load_onnx(path) if path.suffix == ".onnx" else _load_tflite(path)


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


def _load_tflite(path: Path) -> Callable[[np.ndarray], Outputs]:
    from ai_edge_litert.interpreter import Interpreter

    runner = Interpreter(str(path)).get_signature_runner()
    (images,) = runner.get_input_details().values()
    details = runner.get_output_details()
    size = int(images["shape_signature"][0])

    def run(pixels: np.ndarray) -> Outputs:
        batch = len(pixels) if size < 0 else size
        # The last batch of a file that takes whole ones is filled up with its first images.
        padded = pixels[np.arange(-(-len(pixels) // batch) * batch) % len(pixels)]
        entered = _quantized(padded, images)
        parts = [runner(images=entered[i : i + batch]) for i in range(0, len(entered), batch)]
        return {
            name: np.concatenate([_real(part[name], details[name]) for part in parts])[
                : len(pixels)
            ]
            for name in details
        }

    return run


def _quantized(pixels: np.ndarray, details: dict) -> np.ndarray:
    """Return numbers as a tensor of LiteRT takes them."""
    scale, zero = details["quantization"]
    if scale == 0 or details["dtype"] == np.float32:
        return pixels.astype(details["dtype"])
    limits = np.iinfo(details["dtype"])
    numbers = np.rint(pixels / np.float32(scale)) + zero
    return np.clip(numbers, limits.min, limits.max).astype(details["dtype"])


def _real(numbers: np.ndarray, details: dict) -> np.ndarray:
    """Return what the numbers of one of LiteRT's tensors stand for."""
    scale, zero = details["quantization"]
    if scale == 0 or numbers.dtype == np.float32:
        return numbers
    return (numbers.astype("float32") - zero) * np.float32(scale)


def _load_onnx(path: Path) -> Callable[[np.ndarray], Outputs]:
    import onnxruntime

    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    names = [output.name for output in session.get_outputs()]

    def run(pixels: np.ndarray) -> Outputs:
        images = pixels.astype("float32")
        return dict(zip(names, session.run(names, {"images": images}), strict=True))

    return run


def _load_openvino(path: Path) -> Callable[[np.ndarray], Outputs]:
    import openvino

    # Left to itself, OpenVINO computes in bfloat16 where the processor can.
    options = {"INFERENCE_PRECISION_HINT": "f32"}
    network = openvino.compile_model(str(path / OPENVINO_FILE), "CPU", options)

    def run(pixels: np.ndarray) -> Outputs:
        results = network({"images": pixels.astype("float32")})
        return {output.any_name: value for output, value in results.items()}

    return run


def main(path: str, pixels: str, outputs: str) -> None:
    """Load what is at `path`, run it on the pixels of one file and write the other."""
    run = load_export(Path(path))
    images = np.load(pixels)
    parts = [run(images[i : i + BATCH]) for i in range(0, len(images), BATCH)]
    whole: dict[str, Any] = {name: np.concatenate([p[name] for p in parts]) for name in parts[0]}
    np.savez(outputs, **whole)


if __name__ == "__main__":
    main(*sys.argv[1:])
