"""Small networks with random weights, and images for them, that the tests of pictures share."""

from functools import cache

import keras
import numpy as np

from keras_mixers.layers import ConvMixerBlock, MixerBlock, PatchEmbed
from tests.backends.compute import set_weights
from tests.helpers.tiny_models import SHAPE, build

IMAGES = np.random.default_rng(0).uniform(0, 255, (2, *SHAPE)).astype("float32")


@cache
def network(name: str) -> keras.Model:
    """Return a small model of float32 that no test changes."""
    return randomised(build(name))


def randomised(model: keras.Model) -> keras.Model:
    set_weights(model, np.random.default_rng(0))
    return model


def nested() -> keras.Model:
    """Return a classifier with a network inside it, as users make them."""
    images = keras.Input(SHAPE)
    x = network("conv_mixer").get_layer("preprocessing")(images)
    inner = build("conv_mixer", include_top=False, include_preprocessing=False)
    x = keras.layers.GlobalAveragePooling2D()(inner(x))
    outputs = keras.layers.Dense(5, activation="softmax")(x)
    return randomised(keras.Model(images, outputs, name="nested"))


def own_sequence() -> keras.Model:
    """Return a sequential model with blocks of two families and names of its own."""
    layers = [
        keras.Input(SHAPE),
        PatchEmbed(6, patch_size=8, name="stem"),
        ConvMixerBlock(3, name="first"),
        keras.layers.Reshape((24, 6)),
        MixerBlock(5, 7, name="second"),
        keras.layers.GlobalAveragePooling1D(),
        keras.layers.Dense(3),
    ]
    return randomised(keras.Sequential(layers, name="own"))


def without_blocks() -> keras.Model:
    images = keras.Input(SHAPE)
    return keras.Model(images, keras.layers.GlobalAveragePooling2D()(images), name="plain")
