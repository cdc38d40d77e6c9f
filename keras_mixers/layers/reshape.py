"""Reshaping that computes a size in the graph only if it is unknown."""

from collections.abc import Sequence

import keras
from keras import ops


def reshape_keeping_batch(
    x: keras.KerasTensor, shape: Sequence[int | None], like: keras.KerasTensor
) -> keras.KerasTensor:
    """Reshape `x` to (B, *shape), with the batch size of `like` and at most one None in `shape`.

    The graph computes the batch size only if `shape` has a None, so exported files stay free of
    such operations.

    >>> x = keras.ops.ones((6, 4))
    >>> tuple(reshape_keeping_batch(x, (3, 4), like=keras.ops.ones((2, 3, 4))).shape)
    (2, 3, 4)
    """
    if None not in shape:
        return ops.reshape(x, (-1, *shape))
    return ops.reshape(x, (ops.shape(like)[0], *(-1 if size is None else size for size in shape)))
