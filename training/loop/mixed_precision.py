"""The precision of a run's computation."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Literal

import keras

Precision = Literal["float32", "bfloat16", "float16"]


@contextmanager
def computing_in(precision: Precision) -> Iterator[None]:
    """Let layers made in the block compute in this precision; their weights are float32.

    The global policy is what it was afterwards. Models keep theirs.

    >>> with computing_in("bfloat16"):
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
