"""GELU, keeping nothing but its inputs for the gradient."""

import math
from collections.abc import Callable
from functools import cache

import keras
from keras import ops

from keras_mixers.gradients.custom import compiled, with_gradient


def gelu_derivative(x: keras.KerasTensor) -> keras.KerasTensor:
    """Return the derivative of the exact GELU, `Phi(x) + x * phi(x)`, for a tensor of any shape."""
    density = ops.exp(-0.5 * x * x) / math.sqrt(2 * math.pi)
    return 0.5 * (1.0 + ops.erf(x * math.sqrt(0.5))) + x * density


def gelu_tanh_derivative(x: keras.KerasTensor) -> keras.KerasTensor:
    """Return the derivative of GELU's tanh approximation, for a tensor of any shape."""
    slope = math.sqrt(2 / math.pi)
    tanh = ops.tanh(slope * (x + 0.044715 * x * x * x))
    inner = slope * (1.0 + 3 * 0.044715 * x * x)
    return 0.5 * (1.0 + tanh) + 0.5 * x * (1.0 - tanh * tanh) * inner


def recompute(
    function: Callable, derivative: Callable, inputs: keras.KerasTensor
) -> keras.KerasTensor:
    """Apply a function to each number, and compute its derivative from the inputs alone.

    Args:
        function: such as `gelu`, whose operations would each keep their own results.
        derivative: of that function.
        inputs: a tensor of any shape.
    """

    return with_gradient(compiled(function), compiled(_gradient_of(derivative)))(inputs)


@cache  # One function for each derivative, which is compiled once.
def _gradient_of(derivative: Callable) -> Callable:
    return lambda upstream, inputs: upstream * derivative(inputs)
