"""Gives one of our networks the weights of timm's, and names small ones."""

from pathlib import Path

import keras
import torch

import keras_mixers
from tests.helpers import timm_reference

# A small variant of each family that timm has.
SMALLEST = [
    "convmixer_1024_20_p14",
    "mixer_s32",
    "resmlp_12",
    "gmlp_ti16",
    "vit_ti16",
    "deit_ti16_distilled",
]


def load(ours: keras.Model, theirs: torch.nn.Module, folder: Path) -> keras.Model:
    """Give our network the weights of timm's, by way of a file in `folder`; return ours."""
    path = folder / "weights.safetensors"
    timm_reference.write_weights(theirs, path)
    keras_mixers.load_checkpoint(ours, path)
    path.unlink()  # The largest has 1.2 GB, and pytest keeps its folders.
    return ours
