"""Gives one of our networks the weights of timm's."""

from pathlib import Path

import keras
import torch

import keras_mixers
from tests.helpers import timm_reference


def load(ours: keras.Model, theirs: torch.nn.Module, folder: Path) -> keras.Model:
    """Give our network the weights of timm's, by way of a file in `folder`; return ours."""
    path = folder / "weights.safetensors"
    timm_reference.write_weights(theirs, path)
    keras_mixers.load_checkpoint(ours, path)
    path.unlink()  # The largest has 1.2 GB, and pytest keeps its folders.
    return ours
