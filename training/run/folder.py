"""The folder of a run: its recipe, its log and checkpoint, and at last its result."""

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
    """The folder that a run writes into. It is finished as soon as it holds `result.json`.

    Attributes:
        path: path of the folder.
        kept: whether it holds progress that must be kept if the run fails.
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
        """Write what is known before the first step: recipe, environment and class names."""
        for entry in _leftovers(self.path):
            shutil.rmtree(entry)
        (self.path / RESULT_FILE).unlink(missing_ok=True)
        self.write_text(RECIPE_FILE, recipe.to_json())
        preprocessing = evaluation_preprocessing(recipe.model, recipe.weights)
        self.write_json(PREPROCESSING_FILE, asdict(preprocessing))
        used_devices = {**asdict(devices), "replicas": replicas}
        self.write_json(ENVIRONMENT_FILE, environment(recipe.seed) | {"devices": used_devices})
        # One name per line: line breaks within a name become spaces.
        self.write_text(LABELS_FILE, "".join(f"{' '.join(name.split())}\n" for name in class_names))

    def restore(self, variables: Sequence[keras.Variable]) -> int:
        """Set variables to the last checkpoint, and return the steps done; 0 without a checkpoint.

        Raises:
            CheckpointFileError: if it can't be read, or holds other variables.
        """
        path = self.path / CHECKPOINT_FILE
        return load_state(path, variables) if path.exists() else 0

    def save(self, step: int, variables: Sequence[keras.Variable]) -> None:
        """Write a checkpoint; a crash while writing leaves the previous one in place."""
        save_state(self.path / CHECKPOINT_FILE, step, variables)
        self.kept = True

    def trim_log(self, epochs: int) -> None:
        """Remove the log's rows for later epochs, and a row that a crash left incomplete."""
        path = self.path / LOG_FILE
        if not path.is_file():
            return
        head, *rows = csv.reader(path.read_text(encoding="utf-8").splitlines())
        kept = [row for row in rows if len(row) == len(head) and int(row[0]) <= epochs]
        self.write_text(LOG_FILE, "".join(f"{','.join(row)}\n" for row in (head, *kept)))

    def add_row(self, row: Mapping[str, Any]) -> None:
        """Append a row to the log. From the first row on, the folder is kept if the run fails."""
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
        """Write a JSON file."""
        self.write_text(name, json.dumps(content, indent=2) + "\n")

    def write_text(self, name: str, text: str) -> None:
        """Write a text file, completely or not at all."""
        with write_atomically(self.path / name, overwrite=True) as place:
            place.write_text(text, encoding="utf-8")


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
    if not path.is_dir() or set(path.iterdir()) == _leftovers(path):
        return False
    fault = _fault(path, recipe)
    if fault:
        raise RunFolderError(f"{str(path)!r} {fault}; choose another folder, or remove this one.")
    return True


def _leftovers(path: Path) -> set[Path]:
    """Return temporary files that a crash left behind."""
    prefixes = tuple(f".{name}-" for name in _NAMES)
    return {entry for entry in path.iterdir() if entry.name.startswith(prefixes)}


def _fault(path: Path, recipe: Recipe) -> str:
    """Return why a folder that isn't empty can't be used; "" if it can."""
    if not (path / RECIPE_FILE).is_file():
        return "is not empty, but holds no run"
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
def open_run_folder(path: str | Path, recipe: Recipe) -> Iterator[RunFolder]:
    """Provide the folder of a run, and create it if needed.

    If an error ends the block before the first epoch or checkpoint is done, everything in the
    folder is removed again, unless it held a run before.

    Args:
        path: path of a folder that is empty, doesn't exist, or holds a run to resume.
        recipe: recipe of the run.

    Raises:
        RunFolderError: if the folder can't be used.

    >>> import tempfile
    >>> from training.recipes import find_recipe
    >>> path = Path(tempfile.mkdtemp(), "run")
    >>> with open_run_folder(path, find_recipe("convmixer_digits")) as folder:
    ...     folder.write_text("note.txt", "whole")
    >>> [entry.name for entry in path.iterdir()]
    ['note.txt']
    """
    path = Path(path)
    resumes = check_folder(path, recipe)
    created = [folder for folder in (path, *path.parents) if not folder.exists()]
    folder = RunFolder(path, kept=resumes)
    try:
        try:
            path.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise RunFolderError(
                f"{str(path)!r} can't be created ({error.strerror}); choose another folder."
            ) from None
        yield folder
    except BaseException:
        if not folder.kept:
            _remove(path, created)
        raise


def _remove(path: Path, created: Sequence[Path]) -> None:
    """Empty a folder, and remove the folders that were created for it."""
    for entry in path.iterdir() if path.is_dir() else ():
        shutil.rmtree(entry) if entry.is_dir() else entry.unlink()
    for folder in created:
        with suppress(OSError):  # Not empty: another process has used it meanwhile.
            folder.rmdir()
