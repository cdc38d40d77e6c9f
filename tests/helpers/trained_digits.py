"""A tiny network that has learned some of the digits, in a few seconds."""

from pathlib import Path

import keras
import numpy as np

from keras_mixers import ConvMixer
from training.data.sources.digits import NAMES, scans


def digits(held_out: bool) -> tuple[np.ndarray, np.ndarray]:
    """Return images (B, 8, 8, 1), uint8, and labels (B,), in their order."""
    part = [scan for scan in scans() if scan.held_out == held_out]
    return np.stack([scan.image for scan in part]), np.array([scan.label for scan in part])


def save_trained(folder: Path) -> keras.Model:
    """Train a network, and write it as a run does: `model.keras` and `labels.txt`."""
    keras.utils.set_random_seed(0)
    model = ConvMixer(16, 1, 2, 3, input_shape=(8, 8, 1), classes=10, name="tiny")
    model.compile(keras.optimizers.Adam(0.01), "sparse_categorical_crossentropy")
    model.fit(*digits(held_out=False), batch_size=128, epochs=3, verbose=0)
    model.save(folder / "model.keras")
    (folder / "labels.txt").write_text("".join(f"{name}\n" for name in NAMES))
    return model
