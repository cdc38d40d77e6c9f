"""Checks of arguments; their errors say in one line what was received and what was expected."""

import operator
from collections.abc import Sequence
from numbers import Real

import keras


def check_integer(name: str, value: object, least: int = 1) -> int:
    """Return `value` as an int, or raise ValueError if it is not an integer or is below `least`."""
    try:
        number = operator.index(value)  # type: ignore[arg-type]
    except TypeError:
        number = least - 1
    if isinstance(value, bool) or number < least:
        raise ValueError(f"{name} must be an integer of at least {least}; received {value!r}.")
    return number


def check_rate(name: str, value: float) -> float:
    """Return `value` as a float, or raise ValueError if it is not a number in [0, 1)."""
    if isinstance(value, bool) or not isinstance(value, Real) or not 0 <= value < 1:
        raise ValueError(f"{name} must be a number from 0 to below 1; received {value!r}.")
    return float(value)


def check_channels_last() -> None:
    """Raise ValueError if Keras is set to `channels_first`, which is not supported."""
    if keras.config.image_data_format() == "channels_first":
        raise ValueError(
            "keras_mixers works on channels_last images (B, H, W, C), but Keras's global "
            "image_data_format is 'channels_first'; call "
            "keras.config.set_image_data_format('channels_last')."
        )


def check_rank(layer: str, shape: Sequence[int | None], dimensions: str) -> None:
    """Raise ValueError unless `shape` has as many axes as `dimensions`, such as "(B, N, C)"."""
    if len(shape) != dimensions.count(",") + 1:
        raise ValueError(f"{layer} expects an input {dimensions}; received shape {tuple(shape)}.")


def check_known(layer: str, axis: str, size: int | None) -> int:
    """Return `size`, or raise ValueError if it is unknown, because weights depend on it."""
    if size is None:
        raise ValueError(f"{layer} needs to know {axis} when it is built; received None for it.")
    return int(size)


def check_positive(name: str, value: float) -> float:
    """Return `value` as a float, or raise ValueError if it is not a number above zero."""
    if isinstance(value, bool) or not isinstance(value, Real) or not value > 0:
        raise ValueError(f"{name} must be a number above 0; received {value!r}.")
    return float(value)


def nearest_multiples(size: int, unit: int) -> str:
    """Return the positive multiples of `unit` next to `size`, for an error message.

    >>> nearest_multiples(40, 16), nearest_multiples(7, 16)
    ('32 or 48', '16')
    """
    below = size // unit * unit
    return f"{below} or {below + unit}" if below else f"{unit}"


def check_heads(num_heads: int, channels: int) -> None:
    """Raise ValueError if the heads can't share the channels evenly."""
    if channels % num_heads:
        raise ValueError(
            f"num_heads must divide the channels; received num_heads={num_heads} for "
            f"{channels} channels."
        )
