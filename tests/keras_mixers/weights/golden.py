"""The references' small checkpoints in tests/data, and the models that they fit."""

import json
from pathlib import Path
from typing import NamedTuple

import keras
import numpy as np

import keras_mixers as km

DATA = Path(__file__).parents[2] / "data"

# File of the checkpoint, file of what the reference computed with it.
GOLDEN = {
    "convmixer_gelu_timm.safetensors": "convmixer_gelu_timm.expected.npz",
    "convmixer_gelu_original.pth.tar": "convmixer_gelu_timm.expected.npz",
    "convmixer_relu_timm.safetensors": "convmixer_relu_timm.expected.npz",
    "mixer_google.npz": "mixer_google.expected.npz",
    "mixer_timm.safetensors": "mixer_timm.expected.npz",
    "t2t_performer.pth.tar": "t2t_performer.expected.npz",
    "t2t_transformer.pth.tar": "t2t_transformer.expected.npz",
    "vit_timm.safetensors": "vit_timm.expected.npz",
    "deit_distilled.pth": "deit_distilled.expected.npz",
    "resmlp_timm.safetensors": "resmlp_timm.expected.npz",
    "gmlp_timm.safetensors": "gmlp_timm.expected.npz",
}


class Reference(NamedTuple):
    """What the reference was given, (B, H, W, 3), and what it answered, (B, classes)."""

    config: dict
    images: np.ndarray
    logits: np.ndarray


def reference(checkpoint: str) -> Reference:
    with np.load(DATA / GOLDEN[checkpoint]) as content:
        return Reference(json.loads(str(content["config"])), content["images"], content["logits"])


def build(checkpoint: str, **options: object) -> keras.Model:
    """Build the model, without weights, that fits a golden checkpoint, changed by `options`."""
    config = dict(reference(checkpoint).config)
    size = config.pop("image_size")
    shared = {
        "input_shape": (size, size, 3),
        "include_preprocessing": False,
        "classifier_activation": None,
    }
    if checkpoint.startswith("convmixer"):
        function, config["hidden_dim"] = km.ConvMixer, config.pop("dim")
    elif checkpoint.startswith("mixer"):
        function = km.MLPMixer
        config["activation"] = {"tanh": "gelu_tanh", "erf": "gelu"}[config.pop("gelu")]
    elif checkpoint.startswith("t2t"):
        function = km.T2TViT
    elif checkpoint.startswith("resmlp"):
        function = km.ResMLP
    elif checkpoint.startswith("gmlp"):
        function = km.gMLP
    else:
        function, config["distilled"] = km.ViT, checkpoint.startswith("deit")
    return function(**{**config, **shared, **options})
