"""Gradients with respect to an array, on every backend; Keras has no function for them."""

from collections.abc import Callable
from typing import Any

import keras
import numpy as np


def input_gradient(function: Callable[[Any], Any], values: np.ndarray) -> np.ndarray:
    """Return the gradient of a scalar function of one tensor, in the shape of that tensor.

    Args:
        function: From a tensor of the backend to a scalar, computed with `keras.ops` and layers.
        values: Where the gradient is taken.

    >>> input_gradient(lambda x: keras.ops.sum(x * x), np.array([1.0, 3.0], "float32")).tolist()
    [2.0, 6.0]
    """
    gradient = _GRADIENTS[keras.backend.backend()](function, keras.ops.convert_to_tensor(values))
    return keras.ops.convert_to_numpy(gradient)


def _tensorflow(function: Callable, x: Any) -> Any:
    import tensorflow as tf

    with tf.GradientTape() as tape:
        tape.watch(x)
        result = function(x)
    return tape.gradient(result, x, unconnected_gradients=tf.UnconnectedGradients.ZERO)


def _jax(function: Callable, x: Any) -> Any:
    import jax

    return jax.grad(function)(x)


def _torch(function: Callable, x: Any) -> Any:
    import torch

    x = x.detach().requires_grad_()
    # `allow_unused` with zeros, as on the other backends: a network may ignore part of its input.
    return torch.autograd.grad(function(x), x, allow_unused=True, materialize_grads=True)[0]


_GRADIENTS = {"tensorflow": _tensorflow, "jax": _jax, "torch": _torch}
