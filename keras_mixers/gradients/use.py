"""Where the gradients of this package are used."""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

import keras

_is_allowed = ContextVar("is_allowed", default=True)


def gradients_pay(training: bool | None) -> bool:
    """Return whether a layer that is being called should use this package.

    That is the case in training with TensorFlow on CPUs. Elsewhere the backends' own gradients
    are as fast, and at inference a graph stays free of them, so that all converters read it.

    Args:
        training: the `training` argument of the layer's call.
    """
    return (
        bool(training)
        and keras.backend.backend() == "tensorflow"
        and _is_allowed.get()
        and all("cpu" in device for device in keras.distribution.list_devices())
    )


@contextmanager
def backend_gradients() -> Iterator[None]:
    """Use the backend's own gradients in this block, as for graphs that others will load."""
    token = _is_allowed.set(False)
    try:
        yield
    finally:
        _is_allowed.reset(token)
