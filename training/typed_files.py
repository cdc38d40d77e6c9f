"""Reading of recipes and studies from JSON files."""

from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from keras_mixers.json_files import read_json
from training.errors import RecipeError

T = TypeVar("T")


def read_file(path: str | Path, kind: str, build: Callable[[object], T]) -> T:
    """Return what `build` makes of the JSON in a file.

    Args:
        path: the file.
        kind: what it should hold, for errors, such as "recipe".
        build: function such as a class's `from_dict`.

    Raises:
        RecipeError: if there is no such file, or it holds something else; the message names it.
    """
    try:
        return read_json(Path(path), f"a {kind}", build)
    except FileNotFoundError:
        raise RecipeError(f"There is no {kind} file {str(path)!r}.") from None
    except OSError as error:
        raise RecipeError(f"{path} can't be read ({error.strerror}).") from None
    except ValueError as error:
        raise RecipeError(str(error)) from None
