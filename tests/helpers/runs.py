"""Runs of a few steps: published recipes made small, and the digits made few."""

import json
from contextlib import contextmanager
from dataclasses import replace

import keras
import numpy as np
import tensorflow as tf
import tensorflow_datasets as tfds

from keras_mixers.catalogue import model_info
from keras_mixers.catalogue.preprocessing import Preprocessing
from training.augment import Augmentation
from training.data.sources import tfds as tfds_builder
from training.recipe import ModelSpec, Optimizer, Recipe
from training.schedule_settings import WarmupCosine

PREPROCESSING = Preprocessing((0.5,) * 3, (0.5,) * 3, 1.0, "bilinear")
TINY_MIXER = {
    "hidden_dim": 8,
    "depth": 1,
    "patch_size": 4,
    "tokens_mlp_dim": 8,
    "channels_mlp_dim": 16,
}
SMALL = {
    "ConvMixer": {"hidden_dim": 8, "depth": 1},
    "MLPMixer": {"hidden_dim": 8, "depth": 1, "tokens_mlp_dim": 8, "channels_mlp_dim": 8},
    "T2TViT": {"hidden_dim": 8, "depth": 1, "num_heads": 2, "mlp_ratio": 2.0},
    "ViT": {"hidden_dim": 8, "depth": 1, "num_heads": 2, "mlp_ratio": 2.0},
    "ResMLP": {"hidden_dim": 8, "depth": 1, "channels_mlp_dim": 8},
    "gMLP": {"hidden_dim": 8, "depth": 1, "channels_mlp_dim": 8},
}


def tiny(**changes) -> Recipe:
    """Return a recipe for the digits: two epochs of a Mixer that takes milliseconds."""
    recipe = Recipe(
        name="tiny",
        model=ModelSpec("MLPMixer", TINY_MIXER, (8, 8, 1), preprocessing=PREPROCESSING),
        data="digits",
        epochs=2,
        batch_size=256,
        optimizer=Optimizer("adamw", weight_decay=0.05, clip_norm=1.0),
        schedule=WarmupCosine(peak=0.01, warmup_share=0.2),
        augmentation=Augmentation(policy="reference", crop="pad", pad=1, flip=0.0, erase=0.25),
        label_smoothing=0.1,
    )
    return replace(recipe, **changes)


def stochastic(**changes) -> Recipe:
    """Return one whose steps depend on all that a run must remember: averages, random seeds."""
    # The first of two blocks has no drop path.
    arguments = {**TINY_MIXER, "depth": 2, "drop_rate": 0.2}
    spec = replace(tiny().model, arguments=arguments, drop_path_rate=0.2)
    return tiny(**{"model": spec, "ema": 0.9, **changes})


def shrunk(recipe: Recipe) -> Recipe:
    """Return a published recipe with its smallest network, for two steps of four images.

    Augmentation, optimizer, schedule, loss and precision are what they were.
    """
    variant = model_info(recipe.model.name)
    arguments = {**variant.arguments, **recipe.model.arguments, **SMALL[variant.family]}
    spec = replace(recipe.model, arguments=arguments, input_shape=(32, 32, 3))
    # A slice that is mixed needs an even number of images.
    slices = min(2, recipe.mix_slices)
    return replace(recipe, model=spec, epochs=1, batch_size=4, mix_slices=slices, weights=None)


def shrunk_key(recipe: Recipe) -> str:
    """Return what tells a recipe from others, once it is shrunk: not names and numbers."""
    content = shrunk(recipe).to_dict()
    for name in ("name", "published"):
        del content[name]
    del content["model"]["name"], content["optimizer"]["weight_decay"], content["schedule"]["peak"]
    return json.dumps([model_info(recipe.model.name).family, content], sort_keys=True)


@contextmanager
def mocked_data(monkeypatch, examples=8):
    """Let tensorflow-datasets make up a few images, JPEG bytes included."""
    sizes = {name: dict.fromkeys(splits, examples) for name, splits in tfds_builder._SIZES.items()}
    monkeypatch.setattr(tfds_builder, "_SIZES", sizes)
    with tfds.testing.mock_data(num_examples=examples):
        yield


def network(classes: int = 7, size: int = 4) -> keras.Model:
    """Return a network of two layers, the same each time, whose weights all have gradients.

    A training step knows nothing of what is between images and logits, and one of four variables
    is traced in a tenth of the time that a Mixer takes.
    """
    keras.utils.set_random_seed(0)
    images = keras.Input((size, size, 3))
    x = keras.layers.Rescaling(1 / 127.5, offset=-1, name="preprocessing")(images)
    x = keras.layers.Dense(8, "gelu", name="body")(keras.layers.Flatten()(x))
    # Logits are float32 in half precision too, as those of all families are.
    return keras.Model(images, keras.layers.Dense(classes, dtype="float32", name="head")(x))


def batch(images: int = 8, classes: int = 7, size: int = 4) -> tuple[np.ndarray, np.ndarray]:
    """Return random images (B, size, size, 3) and labels (B, classes)."""
    rng = np.random.default_rng(0)
    pixels = rng.uniform(0, 255, (images, size, size, 3)).astype("float32")
    return pixels, np.eye(classes, dtype="float32")[rng.integers(0, classes, images)]


def repeated(images: np.ndarray, labels: np.ndarray) -> tf.data.Dataset:
    """Return the same batch again and again."""
    return tf.data.Dataset.from_tensors((images, labels)).repeat()
