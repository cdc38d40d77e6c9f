"""Functions with a gradient of one's own, on any backend."""

from collections.abc import Callable
from typing import Any

import keras
from keras import ops


def with_gradient(function: Callable, gradient: Callable) -> Callable:
    """Return a function that gives the values of `function`, with another way to its gradient.

    Args:
        function: of any number of tensors, with one tensor as its result.
        gradient: called with the gradient of the result and then the inputs; returns those of the
            inputs, as a tuple if there are several.
    """

    @ops.custom_gradient
    def forward(*inputs: keras.KerasTensor) -> Any:
        def backward(*arguments: keras.KerasTensor, upstream: Any = None) -> Any:
            # torch passes the inputs too, and the gradient by name.
            upstream = arguments[0] if upstream is None else upstream
            return gradient(upstream, *_once_known(upstream, inputs))

        return function(*inputs), backward

    return forward


def compiled(function: Callable) -> Callable:
    """Return a function of tensors, which TensorFlow computes in one pass through memory.

    Args:
        function: of single numbers; it is compiled once, for each shape.
    """
    if keras.backend.backend() != "tensorflow":
        return function
    # Here, because other backends come without TensorFlow.
    from keras_mixers.gradients import tensorflow_kernels

    return tensorflow_kernels.compiled(function)


def _once_known(
    upstream: keras.KerasTensor, inputs: tuple[keras.KerasTensor, ...]
) -> tuple[keras.KerasTensor, ...]:
    """Return the inputs, from which TensorFlow computes nothing before it knows `upstream`.

    It would begin with what depends on the inputs alone in the forward pass, and keep the results
    of all layers at once.
    """
    if keras.backend.backend() != "tensorflow":
        return inputs
    # Here, because other backends come without TensorFlow.
    from keras_mixers.gradients.tensorflow_kernels import after

    return after(upstream, inputs)
