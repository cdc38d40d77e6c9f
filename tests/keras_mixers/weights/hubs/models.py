"""A small model, and the files that a repository has of it."""

import json
from functools import partial
from pathlib import Path

import keras

from keras_mixers import ConvMixer, save_checkpoint

CLASSES = 3
NAMES = b"ant\nbee\ncat\n"
PREPROCESSING = {"mean": [0.1] * 3, "std": [0.2] * 3, "crop": 0.5, "interpolation": "bilinear"}
TIMM = {"architecture": "any", "pretrained_cfg": {"mean": [0.3] * 3, "std": [0.4] * 3}}

conv_mixer = partial(ConvMixer, 8, 1, 4, 3, input_shape=(16, 16, 3), classes=CLASSES)


def files_of(model: keras.Model, folder: Path) -> dict[str, bytes]:
    """Return what is published of a model, and what is never to be asked for."""
    model.save(folder / "model.keras")
    save_checkpoint(model, folder / "model.safetensors", overwrite=True)
    return {
        "model.keras": (folder / "model.keras").read_bytes(),
        "model.safetensors": (folder / "model.safetensors").read_bytes(),
        "labels.txt": NAMES,
        "preprocessing.json": json.dumps(PREPROCESSING).encode(),
        "pytorch_model.bin": b"a pickle",
        "README.md": b"# A card",
    }
