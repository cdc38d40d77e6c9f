"""The precision that layers compute in."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Literal

import keras

Precision = Literal["float32", "bfloat16", "float16"]


@contextmanager
def precision_scope(precision: Precision) -> Iterator[None]:
    """Let layers that are created in the block compute in a precision; their weights are float32.

    The block sets Keras's global dtype policy, and restores it at its end.

    >>> with precision_scope("bfloat16"):
    ...     layer = keras.layers.Dense(2)
    >>> layer.compute_dtype, keras.layers.Dense(2).compute_dtype
    ('bfloat16', 'float32')
    """
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy("float32" if precision == "float32" else f"mixed_{precision}")
    try:
        yield
    finally:
        keras.config.set_dtype_policy(before)
