"""A small network's weights in every format, and how damaged ones are loaded."""

from pathlib import Path

import keras
import numpy as np
import torch
from safetensors.numpy import save_file

import keras_mixers as km
from keras_mixers.weights.load import load_weights

# The formats whose containers hold a checksum of all numbers, and those without.
CHECKED = ("stored.npz", "deflated.npz", "new.pth")
UNCHECKED = ("plain.safetensors", "old.pth", "keras.weights.h5")


def small_model() -> keras.Model:
    return km.MLPMixer(
        4, 1, patch_size=4, tokens_mlp_dim=3, channels_mlp_dim=5, classes=2, input_shape=(8, 8, 3)
    )


def state_dict() -> dict[str, np.ndarray]:
    """Return random weights for the small model, under timm's names."""
    random = np.random.default_rng(0)
    shapes = {
        "stem.proj": (4, 3, 4, 4),
        "blocks.0.norm1": (4,),
        "blocks.0.mlp_tokens.fc1": (3, 4),
        "blocks.0.mlp_tokens.fc2": (4, 3),
        "blocks.0.norm2": (4,),
        "blocks.0.mlp_channels.fc1": (5, 4),
        "blocks.0.mlp_channels.fc2": (4, 5),
        "norm": (4,),
        "head": (2, 4),
    }
    return {
        f"{name}.{part}": random.standard_normal(size).astype("float32")
        for name, shape in shapes.items()
        for part, size in (("weight", shape), ("bias", shape[:1]))
    }


def write_all(folder: Path) -> None:
    """Write the same weights in every format that is read."""
    arrays = state_dict()
    tensors = {"epoch": 3, "state_dict": {key: torch.tensor(arrays[key]) for key in arrays}}
    np.savez(folder / "stored.npz", **arrays)
    np.savez_compressed(folder / "deflated.npz", **arrays)
    save_file(arrays, folder / "plain.safetensors")
    torch.save(tensors, folder / "new.pth")
    torch.save(tensors, folder / "old.pth", _use_new_zipfile_serialization=False)
    model = small_model()
    km.load_checkpoint(model, folder / "stored.npz")
    model.save_weights(folder / "keras.weights.h5")


def load_damaged(model: keras.Model, path: Path, right: list[np.ndarray]) -> str:
    """Return what became of loading a file: "refused", "right" or "other" numbers.

    A refusal must be one line and leave the model as it was; what is loaded must be finite.
    """
    before = [np.full_like(value, 7) for value in right]
    model.set_weights(before)
    message = ""
    try:
        load_weights(model, path)
    except km.CheckpointError as error:
        message = str(error)
    after = model.get_weights()
    if message:
        assert "\n" not in message
        assert all(map(np.array_equal, after, before))
        return "refused"
    assert all(np.isfinite(value).all() for value in after)
    return "right" if all(map(np.array_equal, after, right)) else "other"
