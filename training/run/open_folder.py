"""A folder is checked and opened for a run: it is free, or holds the run to resume."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path

from keras_mixers.run_files import RECIPE_FILE, RESULT_FILE
from training.errors import RecipeError, RunFolderError
from training.recipe import Recipe
from training.recipes import read_recipe
from training.run.folder import RunFolder, leftovers
from training.run.lock import lock_folder


def check_folder(path: str | Path, recipe: Recipe) -> bool:
    """Tell whether a folder holds a run to resume; if not, it is free for a new one.

    A run can be resumed with the same recipe. Only `epochs` may differ; a finished run needs more
    of them.

    Args:
        path: path of the folder, which need not exist.
        recipe: recipe of the run.

    Raises:
        RunFolderError: if the folder holds anything else.
    """
    path = Path(path)
    if path.exists() and not path.is_dir():
        raise RunFolderError(f"{str(path)!r} is a file; choose a folder for the run.")
    if not path.is_dir() or set(path.iterdir()) == leftovers(path):
        return False
    fault = _fault(path, recipe)
    if fault:
        raise RunFolderError(f"{str(path)!r} {fault}; choose another folder, or remove this one.")
    return True


def _fault(path: Path, recipe: Recipe) -> str:
    """Return why a folder that isn't empty can't be used; "" if it can."""
    if not (path / RECIPE_FILE).is_file():
        return "is not empty, but holds no run"
    try:
        other = read_recipe(path / RECIPE_FILE)
    except RecipeError:
        return f"holds a run whose {RECIPE_FILE} can't be read"
    if replace(other, epochs=recipe.epochs) != recipe:
        return f"holds a run of another recipe, {other.name}"
    if (path / RESULT_FILE).is_file() and recipe.epochs <= other.epochs:
        return f"holds a finished run of {other.name}"
    return ""


@contextmanager
def open_run_folder(path: str | Path, recipe: Recipe) -> Iterator[RunFolder]:
    """Provide the folder of a run to this process alone, and create it if needed.

    If an error ends the block before the first epoch or checkpoint is done, everything in the
    folder is removed again, unless it held a run before.

    Args:
        path: path of a folder that is empty, doesn't exist, or holds a run to resume.
        recipe: recipe of the run.

    Raises:
        RunFolderError: if the folder can't be used, or another process uses it.

    >>> import tempfile
    >>> from training.recipes import find_recipe
    >>> path = Path(tempfile.mkdtemp(), "run")
    >>> with open_run_folder(path, find_recipe("convmixer_digits")) as folder:
    ...     folder.write_text("note.txt", "whole")
    >>> (path / "note.txt").read_text()
    'whole'
    """
    path = Path(path)
    check_folder(path, recipe)  # Nothing is written into a folder that holds something else.
    created = [folder for folder in (path, *path.parents) if not folder.exists()]
    try:
        _make_folder(path)
        with lock_folder(path):
            # Another process may have ended just now.
            folder = RunFolder(path, kept=check_folder(path, recipe))
            try:
                yield folder
            except BaseException:
                if not folder.kept:
                    _empty(path)
                raise
    except BaseException:
        for parent in created:
            with suppress(OSError):  # Not empty.
                parent.rmdir()
        raise


def _make_folder(path: Path) -> None:
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise RunFolderError(
            f"{str(path)!r} can't be created ({error.strerror}); choose another folder."
        ) from None


def _empty(path: Path) -> None:
    for entry in path.iterdir():
        shutil.rmtree(entry) if entry.is_dir() else entry.unlink()
