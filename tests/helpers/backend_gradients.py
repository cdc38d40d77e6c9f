"""Gradients on the backend of this process, and the pairs that must have the same."""

from collections.abc import Callable
from typing import NamedTuple

import keras
import numpy as np
from keras import ops

from keras_mixers.gradients.activations import gelu_derivative, gelu_tanh_derivative, recompute
from keras_mixers.gradients.convolutions import depthwise_conv, pointwise_conv
from keras_mixers.layers.activations import gelu, gelu_tanh


class Pair(NamedTuple):
    """A function with a gradient of our own, and the backend's operation."""

    own: Callable
    backends: Callable
    shapes: tuple[tuple[int, ...], ...]


def conv_pair(own: Callable, stock: Callable, *shapes: tuple[int, ...]) -> Pair:
    return Pair(own, lambda x, kernel: stock(x, kernel, padding="same"), shapes)


def depthwise_pair(batch: int, height: int, width: int, channels: int, kernel_size: int) -> Pair:
    kernel = (kernel_size, kernel_size, channels, 1)
    maps = (batch, height, width, channels)
    return conv_pair(depthwise_conv, ops.depthwise_conv, maps, kernel)


PAIRS = {
    "depthwise": depthwise_pair(2, 6, 9, 3, 7),
    "pointwise": conv_pair(pointwise_conv, ops.conv, (2, 6, 5, 3), (1, 1, 3, 4)),
    "gelu": Pair(lambda x: recompute(gelu, gelu_derivative, x), gelu, ((3, 50),)),
    "gelu_tanh": Pair(
        lambda x: recompute(gelu_tanh, gelu_tanh_derivative, x), gelu_tanh, ((3, 50),)
    ),
}


def draw(pair: Pair, seed: int = 0, dtype: str = "float32") -> list[np.ndarray]:
    rng = np.random.default_rng(seed)
    return [rng.normal(size=shape).astype(dtype) for shape in pair.shapes]


def gradients(function: Callable, arrays: list[np.ndarray]) -> list[np.ndarray]:
    """Return the output of a function, and the gradients of a weighted sum of it."""
    output = function(*map(ops.convert_to_tensor, arrays))
    weights = np.random.default_rng(1).normal(size=output.shape)
    weights = ops.convert_to_tensor(weights.astype(arrays[0].dtype))

    def weighted_sum(*inputs: keras.KerasTensor) -> keras.KerasTensor:
        return ops.sum(function(*inputs) * weights)

    found = _BACKENDS[keras.backend.backend()](weighted_sum, arrays)
    return [ops.convert_to_numpy(array) for array in (output, *found)]


def _tensorflow(function: Callable, arrays: list[np.ndarray]) -> list:
    import tensorflow as tf

    inputs = [tf.constant(array) for array in arrays]
    with tf.GradientTape() as tape:
        tape.watch(inputs)
        output = function(*inputs)
    return tape.gradient(output, inputs)


def _jax(function: Callable, arrays: list[np.ndarray]) -> list:
    import jax

    return list(jax.grad(function, argnums=tuple(range(len(arrays))))(*arrays))


def _torch(function: Callable, arrays: list[np.ndarray]) -> list:
    import torch

    inputs = [torch.tensor(array, requires_grad=True) for array in arrays]
    return list(torch.autograd.grad(function(*inputs), inputs))


_BACKENDS = {"tensorflow": _tensorflow, "jax": _jax, "torch": _torch}
