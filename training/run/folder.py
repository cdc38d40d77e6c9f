"""The folder of a run: what it is, what happened, and what came out, which is written last."""

import csv
import json
import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import keras

from keras_mixers.atomic_files import write_atomically
from keras_mixers.run_files import (
    LABELS_FILE,
    MODEL_FILE,
    PREPROCESSING_FILE,
    RECIPE_FILE,
    RESULT_FILE,
)
from training.devices import ONE_DEVICE, Devices
from training.errors import RecipeError, RunFolderError
from training.loop.network import evaluation_preprocessing
from training.recipe import Recipe
from training.run.checkpoint import load_state, save_state
from training.run.environment import environment

ENVIRONMENT_FILE = "environment.json"
LOG_FILE, CURVES_FILE, SAMPLES_FILE = "log.csv", "curves.png", "samples.png"
TENSORBOARD_FOLDER = "tensorboard"
CHECKPOINT_FILE = "checkpoint.npz"
_NAMES = (
    RECIPE_FILE,
    ENVIRONMENT_FILE,
    RESULT_FILE,
    LOG_FILE,
    CURVES_FILE,
    SAMPLES_FILE,
    MODEL_FILE,
    LABELS_FILE,
    PREPROCESSING_FILE,
    CHECKPOINT_FILE,
)


class RunFolder:
    """Where a run writes. It is written in place; `result.json` says that the run is finished.

    Attributes:
        path: of the folder.
        kept: whether there is something in it that an error must not remove.
    """

    def __init__(self, path: Path, kept: bool = False) -> None:
        self.path = path
        self.kept = kept

    def write_start(
        self,
        recipe: Recipe,
        class_names: Sequence[str],
        devices: Devices = ONE_DEVICE,
        replicas: int = 1,
    ) -> None:
        """Write what is known before the first step."""
        for entry in _left_over(self.path):
            shutil.rmtree(entry)
        (self.path / RESULT_FILE).unlink(missing_ok=True)
        self.write_text(RECIPE_FILE, recipe.to_json())
        self.write_json(PREPROCESSING_FILE, asdict(evaluation_preprocessing(recipe)))
        used = {**asdict(devices), "replicas": replicas}
        self.write_json(ENVIRONMENT_FILE, environment(recipe.seed) | {"devices": used})
        # A name is a line.
        self.write_text(LABELS_FILE, "".join(f"{' '.join(name.split())}\n" for name in class_names))

    def restore(self, variables: Sequence[keras.Variable]) -> int:
        """Give variables the values of the last checkpoint, and return its step; 0: there is none.

        Raises:
            CheckpointFileError: if it can't be read, or is of other variables.
        """
        path = self.path / CHECKPOINT_FILE
        return load_state(path, variables) if path.exists() else 0

    def save(self, step: int, variables: Sequence[keras.Variable]) -> None:
        """Write a checkpoint; a crash meanwhile leaves the one that was there."""
        save_state(self.path / CHECKPOINT_FILE, step, variables)
        self.kept = True

    def trim_log(self, epochs: int) -> None:
        """Remove rows of the log that came after so many epochs, or were cut by a crash."""
        path = self.path / LOG_FILE
        if not path.is_file():
            return
        head, *rows = csv.reader(path.read_text(encoding="utf-8").splitlines())
        kept = [row for row in rows if len(row) == len(head) and int(row[0]) <= epochs]
        self.write_text(LOG_FILE, "".join(f"{','.join(row)}\n" for row in (head, *kept)))

    def add_row(self, row: Mapping[str, Any]) -> None:
        """Add a row to the log; from the first one on, an error leaves the folder as it is."""
        with (self.path / LOG_FILE).open("a", newline="", encoding="utf-8") as file:
            writer = csv.DictWriter(file, list(row))
            if file.tell() == 0:
                writer.writeheader()
            writer.writerow(row)
        self.kept = True

    def write_model(self, model: keras.Model) -> None:
        """Save the trained model."""
        with write_atomically(self.path / MODEL_FILE, overwrite=True) as place:
            model.save(place)

    def write_json(self, name: str, content: Mapping[str, Any]) -> None:
        """Write what JSON can hold."""
        self.write_text(name, json.dumps(content, indent=2) + "\n")

    def write_text(self, name: str, text: str) -> None:
        """Write a text, whole or not at all."""
        with write_atomically(self.path / name, overwrite=True) as place:
            place.write_text(text, encoding="utf-8")


def check_folder(path: str | Path, recipe: Recipe) -> bool:
    """Tell whether there is a run at `path` to go on with; otherwise a new one may be written.

    A run goes on where it stopped: that of the same recipe, of which only `epochs` may have
    changed, to more of them if it is finished.

    Args:
        path: of a folder, which may not exist.
        recipe: of the run.

    Raises:
        RunFolderError: if something else is there.
    """
    path = Path(path)
    if path.exists() and not path.is_dir():
        raise RunFolderError(f"{str(path)!r} is a file; choose a folder for the run.")
    if not path.is_dir() or set(path.iterdir()) == _left_over(path):
        return False
    fault = _fault(path, recipe)
    if fault:
        raise RunFolderError(f"{str(path)!r} {fault}; choose another folder, or remove this one.")
    return True


def _left_over(path: Path) -> set[Path]:
    """Return what a crash left of files that were being written beside their places."""
    starts = tuple(f".{name}-" for name in _NAMES)
    return {entry for entry in path.iterdir() if entry.name.startswith(starts)}


def _fault(path: Path, recipe: Recipe) -> str:
    """Return what is wrong with a folder that is not empty."""
    if not (path / RECIPE_FILE).is_file():
        return "is not empty, and holds no run"
    try:
        other = Recipe.from_json((path / RECIPE_FILE).read_text(encoding="utf-8"))
    except (RecipeError, OSError, UnicodeDecodeError):
        return f"holds a run whose {RECIPE_FILE} can't be read"
    if replace(other, epochs=recipe.epochs) != recipe:
        return f"holds a run of another recipe, {other.name}"
    if (path / RESULT_FILE).is_file() and recipe.epochs <= other.epochs:
        return f"holds a finished run of {other.name}"
    return ""


@contextmanager
def run_folder(path: str | Path, recipe: Recipe) -> Iterator[RunFolder]:
    """Lend the folder of a run, made if need be.

    If an error ends the block before an epoch is done, all of it is removed again; a run that was
    there stays.

    Args:
        path: of a folder that is empty, does not exist, or holds a run to go on with.
        recipe: of the run.

    Raises:
        RunFolderError: if the folder can't be used.

    >>> import tempfile
    >>> from training.recipes import find_recipe
    >>> path = Path(tempfile.mkdtemp(), "run")
    >>> with run_folder(path, find_recipe("convmixer_digits")) as folder:
    ...     folder.write_text("note.txt", "whole")
    >>> [entry.name for entry in path.iterdir()]
    ['note.txt']
    """
    path = Path(path)
    goes_on = check_folder(path, recipe)
    made = [folder for folder in (path, *path.parents) if not folder.exists()]
    folder = RunFolder(path, kept=goes_on)
    try:
        try:
            path.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise RunFolderError(
                f"{str(path)!r} can't be made ({error.strerror}); choose another folder."
            ) from None
        yield folder
    except BaseException:
        if not folder.kept:
            _remove(path, made)
        raise


def _remove(path: Path, made: Sequence[Path]) -> None:
    """Empty a folder, and remove those that were made for it."""
    for entry in path.iterdir() if path.is_dir() else ():
        shutil.rmtree(entry) if entry.is_dir() else entry.unlink()
    for folder in made:
        with suppress(OSError):  # Others may have put something there.
            folder.rmdir()
