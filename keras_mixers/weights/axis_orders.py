"""Transposes a reference's arrays to the axis order of Keras's channels-last weights."""

from collections.abc import Callable

import numpy as np

Transform = Callable[[np.ndarray], np.ndarray]


def same(array: np.ndarray) -> np.ndarray:
    """Return a vector, or any array of JAX, unchanged: JAX has Keras's axis order."""
    return array


def conv(array: np.ndarray) -> np.ndarray:
    """Transpose Conv2d's (out, in, row, column) to (row, column, in, out)."""
    return array.transpose(2, 3, 1, 0)


def depthwise(array: np.ndarray) -> np.ndarray:
    """Transpose depthwise Conv2d's (channel, 1, row, column) to (row, column, channel, 1)."""
    return array.transpose(2, 3, 0, 1)


def linear(array: np.ndarray) -> np.ndarray:
    """Transpose Linear's (out, in) to (in, out)."""
    return array.transpose(1, 0)


def squeeze(array: np.ndarray) -> np.ndarray:
    """Remove axes of size 1."""
    return array.squeeze()


def unfolded_vector(kernel_size: int) -> Transform:
    """Return a function that reorders a vector over Unfold's patches to (row, column, channel)."""

    def transform(array: np.ndarray) -> np.ndarray:
        return array.reshape(-1, kernel_size, kernel_size).transpose(1, 2, 0).reshape(-1)

    return transform


def unfolded_linear(kernel_size: int) -> Transform:
    """Return a function that turns a Linear over Unfold's (channel, row, column) into (in, out)."""

    def transform(array: np.ndarray) -> np.ndarray:
        patches = array.reshape(len(array), -1, kernel_size, kernel_size)
        return patches.transpose(2, 3, 1, 0).reshape(-1, len(array))

    return transform


def flat(array: np.ndarray) -> np.ndarray:
    """Join all axes to one."""
    return array.reshape(-1)


def join_heads(array: np.ndarray) -> np.ndarray:
    """Turn flax's (in, head, channel) into (in, out)."""
    return array.reshape(len(array), -1)


def join_head_inputs(array: np.ndarray) -> np.ndarray:
    """Turn flax's (head, channel, out) into (in, out)."""
    return array.reshape(-1, array.shape[-1])
