"""Reshaping without asking for sizes that are known."""

from collections.abc import Sequence

import keras
from keras import ops


def reshape_keeping_batch(
    x: keras.KerasTensor, shape: Sequence[int | None], like: keras.KerasTensor
) -> keras.KerasTensor:
    """Reshape `x` to (B, *shape), with the B of `like` and at most one unknown (None) in `shape`.

    Only an unknown size makes the graph measure the batch: exported files stay free of such chains.

    >>> x = keras.ops.ones((6, 4))
    >>> tuple(reshape_keeping_batch(x, (3, 4), like=keras.ops.ones((2, 3, 4))).shape)
    (2, 3, 4)
    """
    if None not in shape:
        return ops.reshape(x, (-1, *shape))
    return ops.reshape(x, (ops.shape(like)[0], *(-1 if size is None else size for size in shape)))
