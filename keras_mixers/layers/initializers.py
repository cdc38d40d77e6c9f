"""Initializers of the reference implementations that Keras has no name for."""

import math

import keras


def fan_in_uniform(fan_in: int) -> keras.initializers.Initializer:
    """Return U(-1/sqrt(fan_in), 1/sqrt(fan_in)): PyTorch's default for weights and biases.

    `fan_in` is an argument because Keras would compute it wrongly for a depthwise kernel
    (k, k, C, 1) and can't know it for a bias.

    >>> fan_in_uniform(4).maxval
    0.5
    """
    limit = 1 / math.sqrt(fan_in)
    return keras.initializers.RandomUniform(-limit, limit)


def transformer_normal() -> keras.initializers.Initializer:
    """Return N(0, 0.02) as in T2T-ViT, whose truncation at 100 standard deviations has no effect.

    >>> transformer_normal().stddev
    0.02
    """
    return keras.initializers.RandomNormal(stddev=0.02)
