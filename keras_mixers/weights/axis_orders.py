"""Turns of a reference's arrays into the axis order of Keras's channels-last weights."""

from collections.abc import Callable

import numpy as np

Transform = Callable[[np.ndarray], np.ndarray]


def same(array: np.ndarray) -> np.ndarray:
    """Keep: vectors, and everything of JAX, whose axis order is Keras's."""
    return array


def conv(array: np.ndarray) -> np.ndarray:
    """Turn Conv2d's (out, in, row, column) into (row, column, in, out)."""
    return array.transpose(2, 3, 1, 0)


def depthwise(array: np.ndarray) -> np.ndarray:
    """Turn a depthwise Conv2d's (channel, 1, row, column) into (row, column, channel, 1)."""
    return array.transpose(2, 3, 0, 1)


def linear(array: np.ndarray) -> np.ndarray:
    """Turn Linear's (out, in) into (in, out)."""
    return array.transpose(1, 0)


def squeeze(array: np.ndarray) -> np.ndarray:
    """Drop axes of size 1."""
    return array.squeeze()


def unfolded_vector(kernel_size: int) -> Transform:
    """Return the turn of a vector over Unfold's patches into (row, column, channel) order."""

    def transform(array: np.ndarray) -> np.ndarray:
        return array.reshape(-1, kernel_size, kernel_size).transpose(1, 2, 0).reshape(-1)

    return transform


def unfolded_linear(kernel_size: int) -> Transform:
    """Return the turn of a Linear over Unfold's (channel, row, column) patches into (in, out)."""

    def transform(array: np.ndarray) -> np.ndarray:
        patches = array.reshape(len(array), -1, kernel_size, kernel_size)
        return patches.transpose(2, 3, 1, 0).reshape(-1, len(array))

    return transform
