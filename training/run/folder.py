"""The folder of a run: its recipe, its log and checkpoint, and at last its result."""

import csv
import json
import shutil
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import keras

from keras_mixers.atomic_files import write_atomically
from keras_mixers.json_files import read_json
from keras_mixers.run_files import (
    LABELS_FILE,
    MODEL_FILE,
    PREPROCESSING_FILE,
    RECIPE_FILE,
    RESULT_FILE,
)
from training.devices import ONE_DEVICE, Devices
from training.errors import DamagedCheckpointError, RunFolderError
from training.loop.network import evaluation_preprocessing
from training.recipe import Recipe
from training.run.checkpoint import load_state, previous_state, save_state
from training.run.environment import environment, environment_changes
from training.run.lock import LOCK_FILE

ENVIRONMENT_FILE = "environment.json"
LOG_FILE, CURVES_FILE, SAMPLES_FILE = "log.csv", "curves.png", "samples.png"
TENSORBOARD_FOLDER = "tensorboard"
CHECKPOINT_FILE = "checkpoint.npz"
DATA_FILE = "data.json"
_NAMES = (
    RECIPE_FILE,
    ENVIRONMENT_FILE,
    DATA_FILE,
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
    ) -> list[str]:
        """Write what is known before the first step: recipe, environment and class names.

        Returns:
            What has changed in the environment since the last start, if there was one.
        """
        for entry in leftovers(self.path) - {self.path / LOCK_FILE}:
            shutil.rmtree(entry)
        (self.path / RESULT_FILE).unlink(missing_ok=True)
        self.write_text(RECIPE_FILE, recipe.to_json())
        preprocessing = evaluation_preprocessing(recipe.model, recipe.weights)
        self.write_json(PREPROCESSING_FILE, asdict(preprocessing))
        used_devices = {**asdict(devices), "replicas": replicas}
        now = environment(recipe.seed) | {"devices": used_devices}
        changes = environment_changes(self._environment(), now)
        self.write_json(ENVIRONMENT_FILE, now)
        # One name per line: line breaks within a name become spaces.
        self.write_text(LABELS_FILE, "".join(f"{' '.join(name.split())}\n" for name in class_names))
        return changes

    def _environment(self) -> object:
        try:
            return read_json(self.path / ENVIRONMENT_FILE, "an environment", dict)
        except (OSError, ValueError, TypeError):
            return {}  # There was no start, or what it wrote is lost.

    def restore(self, variables: Sequence[keras.Variable]) -> int:
        """Set variables to the last checkpoint, and return the steps done; 0 without a checkpoint.

        If it is damaged, the one before it is used, with a warning.

        Raises:
            CheckpointFileError: if none can be read, or it holds other variables.
        """
        newest = self.path / CHECKPOINT_FILE
        paths = [path for path in (newest, previous_state(newest)) if path.exists()]
        faults = []
        for path in paths:
            try:
                step = load_state(path, variables)
            except DamagedCheckpointError as error:
                faults.append(str(error))
                continue
            for fault in faults:
                warnings.warn(
                    f"{fault} What was done since the one before it is repeated.", stacklevel=2
                )
            return step
        if faults:
            raise DamagedCheckpointError(f"{' '.join(faults)} Remove them to begin again.")
        return 0

    def save(self, step: int, variables: Sequence[keras.Variable]) -> None:
        """Write a checkpoint; a crash while writing leaves the previous one in place."""
        save_state(self.path / CHECKPOINT_FILE, step, variables)
        self.kept = True

    def trim_log(self, epochs: int) -> None:
        """Remove the log's rows for later epochs, and a row that a crash left incomplete.

        Raises:
            RunFolderError: if the log is damaged.
        """
        path = self.path / LOG_FILE
        if not path.is_file():
            return
        try:
            head, *rows = csv.reader(path.read_text(encoding="utf-8").splitlines())
            kept = [row for row in rows if len(row) == len(head) and int(row[0]) <= epochs]
        except (ValueError, IndexError, csv.Error) as error:
            raise RunFolderError(
                f"{path} is not the log of a run ({error}); correct or remove it."
            ) from None
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


def leftovers(path: Path) -> set[Path]:
    """Return the lock, and temporary files that a crash left behind."""
    prefixes = tuple(f".{name}-" for name in _NAMES)
    return {
        entry
        for entry in path.iterdir()
        if entry.name.startswith(prefixes) or entry.name == LOCK_FILE
    }
