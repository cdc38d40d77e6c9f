"""Reads JSON that may be damaged or hostile: a value within bounds, or an error of one line."""

import json
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any, NoReturn, TypeVar

from keras_mixers.value_checks import excerpt

T = TypeVar("T")

MOST_BYTES = 1 << 20  # The largest recipe has 3 kB.
MOST_DEPTH = 20  # Lists and objects within each other; a recipe has 3.
_INTEGERS = 1 << 63


def read_json(path: Path, what: str, build: Callable[[Any], T]) -> T:
    """Return what `build` makes of the JSON value in a file.

    Args:
        path: The file.
        what: What the file should be, for errors, such as "the result of a run".
        build: Function that checks the value and raises ValueError if it isn't right.

    Raises:
        OSError: If the file can't be read.
        ValueError: If it holds no JSON within the bounds, or `build` refuses it; one line.

    >>> import tempfile
    >>> path = Path(tempfile.mkdtemp(), "a.json")
    >>> _ = path.write_text('{"epochs": 3}')
    >>> read_json(path, "a recipe", lambda content: content["epochs"])
    3
    """
    with path.open("rb") as file:
        content = file.read(MOST_BYTES + 1)
    try:
        if len(content) > MOST_BYTES:
            raise ValueError(f"expected at most {MOST_BYTES:,} bytes; received more")
        return build(_parse_bytes(content))
    except ValueError as error:
        reason = str(error).rstrip(".")
    raise ValueError(f"{path} is not {what}; {reason}; correct or restore the file.")


def parse_json(text: str) -> Any:
    """Return the value of JSON text.

    Raises:
        ValueError: If it isn't JSON, or holds NaN, infinity, a number beyond 64 bits, or lists and
            objects within each other that are too many.

    >>> parse_json("[1, 2.5, null]")
    [1, 2.5, None]
    """
    try:
        value = json.loads(
            text, parse_constant=_refuse_number, parse_float=_parse_float, parse_int=_parse_int
        )
    except RecursionError:
        value, depth = None, math.inf
    else:
        depth = _depth(value)
    if depth > MOST_DEPTH:
        raise ValueError(f"lists and objects are nested more than {MOST_DEPTH} deep")
    return value


def _parse_bytes(content: bytes) -> Any:
    try:
        return parse_json(content.decode("utf-8"))
    except UnicodeDecodeError as error:
        raise ValueError(f"expected UTF-8 text; received an {error.reason}") from None
    except ValueError as error:
        raise ValueError(f"expected JSON: {error}") from None


def _refuse_number(digits: str) -> NoReturn:
    raise ValueError(f"the number {excerpt(digits)} is infinite, beyond 64 bits or none at all")


def _parse_float(digits: str) -> float:
    number = float(digits)
    return number if math.isfinite(number) else _refuse_number(digits)


def _parse_int(digits: str) -> int:
    # Python itself refuses thousands of digits, in more words.
    number = int(digits) if len(digits) < 30 else _INTEGERS
    return number if -_INTEGERS <= number < _INTEGERS else _refuse_number(digits)


def _depth(value: Any) -> int:
    """Return how many lists and objects lie within each other at most."""
    depth, level = 0, [value]
    while level := [item for item in level if isinstance(item, list | dict)]:
        depth += 1
        level = [
            part for item in level for part in (item.values() if isinstance(item, dict) else item)
        ]
    return depth
