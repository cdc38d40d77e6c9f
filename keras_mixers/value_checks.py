"""Checks of values that were read from a file; their errors are one line. Needs no Keras."""

import reprlib
from collections.abc import Sequence
from typing import Any

_LONGEST = 100  # Characters of an excerpt.


def excerpt(value: object) -> str:
    """Return a value as text for an error: one short line, whatever its size and depth.

    >>> excerpt([1, "a"]), len(excerpt([[0] * 1000] * 1000))
    ("[1, 'a']", 100)
    """
    text = " ".join(reprlib.repr(value).split())
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 3]}..."


def check_object(value: object) -> dict[str, Any]:
    """Return a JSON object as it is, or raise ValueError for any other value."""
    if not isinstance(value, dict):
        raise ValueError(f"expected a JSON object; received {excerpt(value)}.")
    return value


def check_number(name: str, value: object, least: float, most: float) -> float:
    """Return a number as it is, or raise ValueError unless it is one from `least` to `most`.

    >>> check_number("crop", 0.9, 0, 1)
    0.9
    """
    # Compared, not converted: an integer may be too large for a float. NaN fails, too.
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    if not is_number or not least <= value <= most:  # type: ignore[operator]
        raise ValueError(
            f"{name} must be a number from {least:g} to {most:g}; received {excerpt(value)}."
        )
    return value  # type: ignore[return-value]


def check_text(name: str, value: object) -> str:
    """Return a text as it is, or raise ValueError for any other value."""
    if not isinstance(value, str):
        raise ValueError(f"{name} must be a text; received {excerpt(value)}.")
    return value


def check_choice(name: str, value: object, choices: Sequence[str]) -> str:
    """Return a text as it is, or raise ValueError unless it is one of `choices`."""
    if not isinstance(value, str) or value not in choices:
        raise ValueError(f"{name} must be {' or '.join(choices)}; received {excerpt(value)}.")
    return value
