"""Between a reference's arrays and Keras's channels-last weights: the order of their axes."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class AxisOrder:
    """How an array of a checkpoint becomes the value of a weight, and back.

    Attributes:
        load: Function from the checkpoint's array to the weight's value.
        save: Function from the value, and the number of attention heads, to the array.
    """

    load: Callable[[np.ndarray], np.ndarray]
    save: Callable[[np.ndarray, int], np.ndarray]


def _permuted(*axes: int) -> AxisOrder:
    back = np.argsort(axes)
    return AxisOrder(
        lambda array: array.transpose(axes), lambda value, heads: value.transpose(back)
    )


# A vector, or any array of JAX, which has Keras's axis order.
same = AxisOrder(lambda array: array, lambda value, heads: value)

# Conv2d's (out, in, row, column) is (row, column, in, out).
conv = _permuted(2, 3, 1, 0)

# A depthwise Conv2d's (channel, 1, row, column) is (row, column, channel, 1).
depthwise = _permuted(2, 3, 0, 1)

# Linear's (out, in) is (in, out).
linear = _permuted(1, 0)

# Axes of size 1 are removed. Which there were isn't known, so nothing is saved in this order.
squeezed = AxisOrder(lambda array: array.squeeze(), lambda value, heads: value)

# timm's (1, 1, C) is a vector.
after_two_axes = AxisOrder(
    lambda array: array.reshape(-1), lambda value, heads: value.reshape(1, 1, -1)
)

# Flax's (head, channel) is (out).
split_vector = AxisOrder(
    lambda array: array.reshape(-1), lambda value, heads: value.reshape(heads, -1)
)

# Flax's (in, head, channel) is (in, out).
split_outputs = AxisOrder(
    lambda array: array.reshape(len(array), -1),
    lambda value, heads: value.reshape(len(value), heads, -1),
)

# Flax's (head, channel, out) is (in, out).
split_inputs = AxisOrder(
    lambda array: array.reshape(-1, array.shape[-1]),
    lambda value, heads: value.reshape(heads, -1, value.shape[-1]),
)


def unfolded_vector(kernel_size: int) -> AxisOrder:
    """Return the order of a vector over Unfold's (channel, row, column): (row, column, channel)."""
    side = kernel_size
    return AxisOrder(
        lambda array: array.reshape(-1, side, side).transpose(1, 2, 0).reshape(-1),
        lambda value, heads: value.reshape(side, side, -1).transpose(2, 0, 1).reshape(-1),
    )


def unfolded_linear(kernel_size: int) -> AxisOrder:
    """Return the order of a Linear over Unfold's (channel, row, column): (in, out)."""
    side = kernel_size

    def load(array: np.ndarray) -> np.ndarray:
        patches = array.reshape(len(array), -1, side, side)
        return patches.transpose(2, 3, 1, 0).reshape(-1, len(array))

    def save(value: np.ndarray, heads: int) -> np.ndarray:
        outputs = value.shape[-1]
        patches = value.reshape(side, side, -1, outputs)
        return patches.transpose(3, 2, 0, 1).reshape(outputs, -1)

    return AxisOrder(load, save)
