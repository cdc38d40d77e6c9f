"""Loads an export as its users will and runs it: `python -m hub_export.run EXPORT IN.npy OUT.npz`.

IN.npy holds pixels (B, H, W, C), uint8. OUT.npz gets each output (B, ...) under the name that
`hub_export.verification` knows it by. It runs in a process of its own, so that nothing of the
model that was exported can answer in its place.
"""

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

BATCH = 8
Outputs = dict[str, np.ndarray]


def load(path: Path) -> Callable[[np.ndarray], Outputs]:
    """Return what maps pixels (B, H, W, C), uint8, to all that a file or folder gives for them."""
    return _load_saved_model(path) if path.is_dir() else _load_tflite(path)


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

    def run(pixels: np.ndarray) -> Outputs:
        images = pixels.astype("float32")
        outputs = [runner(images=image[np.newaxis]) for image in images]
        return {name: np.concatenate([o[name] for o in outputs]) for name in outputs[0]}

    return run


def main(path: str, pixels: str, outputs: str) -> None:
    """Load what is at `path`, run it on the pixels of one file and write the other."""
    run = load(Path(path))
    images = np.load(pixels)
    parts = [run(images[i : i + BATCH]) for i in range(0, len(images), BATCH)]
    whole: dict[str, Any] = {name: np.concatenate([p[name] for p in parts]) for name in parts[0]}
    np.savez(outputs, **whole)


if __name__ == "__main__":
    main(*sys.argv[1:])
