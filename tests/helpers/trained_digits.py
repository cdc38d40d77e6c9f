"""Tiny networks that know most of the digits."""

import keras
import numpy as np

from keras_mixers import ConvMixer
from training.data.sources.digits import scans


def digits(held_out: bool) -> tuple[np.ndarray, np.ndarray]:
    """Return images (B, 8, 8, 1), uint8, and labels (B,), in their order."""
    part = [scan for scan in scans() if scan.held_out == held_out]
    return np.stack([scan.image for scan in part]), np.array([scan.label for scan in part])


def nearest_mean() -> keras.Model:
    """Return a network whose scores are the same numbers on any machine, since nothing is rounded.

    An image is of the class whose mean image is nearest: the largest of `x @ mean - mean @ mean /
    2`. Means are rounded to whole numbers in units of 16, so that all sums are whole and below
    2 ** 24; to shrink them all by a power of two keeps that, and the softmax from being 0 or 1.
    """
    images, labels = digits(held_out=False)
    pixels = images.reshape(len(images), -1)
    means = np.rint([pixels[labels == digit].mean(axis=0) / 16 for digit in range(10)])
    inputs = keras.Input((8, 8, 1))
    x = keras.layers.Rescaling(1.0, name="preprocessing")(inputs)
    x = keras.layers.Dense(10, name="head")(keras.layers.Flatten()(x))
    model = keras.Model(inputs, keras.layers.Softmax(name="predictions")(x), name="tiny")
    weights = means.T, -8.0 * (means**2).sum(axis=1)
    model.get_layer("head").set_weights([2.0**-12 * array for array in weights])
    return model


def train() -> keras.Model:
    """Return a ConvMixer that has learned most digits, in a few seconds.

    It is wide enough for kernels of 1,024 numbers, the least that "dynamic" quantises.
    """
    keras.utils.set_random_seed(0)
    model = ConvMixer(32, 1, 2, 3, input_shape=(8, 8, 1), classes=10, name="tiny")
    model.compile(keras.optimizers.Adam(0.01), "sparse_categorical_crossentropy")
    model.fit(*digits(held_out=False), batch_size=128, epochs=3, verbose=0)
    return model
