"""The files in a run's folder that several packages read: their names, and how to read them."""

import json
import math
import warnings
from pathlib import Path
from typing import get_args

from keras_mixers.catalogue.preprocessing import Interpolation, Preprocessing
from keras_mixers.labels import class_names

MODEL_FILE = "model.keras"
LABELS_FILE = "labels.txt"
RESULT_FILE = "result.json"
RECIPE_FILE = "recipe.json"
PREPROCESSING_FILE = "preprocessing.json"


def read_preprocessing(folder: str | Path) -> Preprocessing | None:
    """Return the preprocessing of a run's evaluation, or None if the folder has no such file.

    Args:
        folder: The run's folder.

    Raises:
        ValueError: If the file is damaged.

    >>> import tempfile
    >>> folder = tempfile.mkdtemp()
    >>> read_preprocessing(folder) is None
    True
    >>> table = {"mean": [0.5] * 3, "std": [0.5] * 3, "crop": 0.9, "interpolation": "bicubic"}
    >>> _ = Path(folder, "preprocessing.json").write_text(json.dumps(table))
    >>> read_preprocessing(folder).crop
    0.9
    """
    path = Path(folder) / PREPROCESSING_FILE
    if not path.is_file():
        return None
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        preprocessing = Preprocessing(
            mean=tuple(content["mean"]),
            std=tuple(content["std"]),
            crop=content["crop"],
            interpolation=content["interpolation"],
        )
        is_valid = _is_valid(preprocessing)
    except (ValueError, KeyError, TypeError):
        is_valid = False
    if not is_valid:
        raise ValueError(
            f"{path} is not the preprocessing of a run; expected a JSON table of mean, std, "
            "crop and interpolation, as training writes it."
        )
    return preprocessing


def _is_valid(preprocessing: Preprocessing) -> bool:
    channels = (*preprocessing.mean, *preprocessing.std)
    return (
        len(preprocessing.mean) == len(preprocessing.std) == 3
        and all(map(math.isfinite, channels))
        and 0 < preprocessing.crop <= 1
        and preprocessing.interpolation in get_args(Interpolation)
    )


def find_labels(
    path: str | Path, classes: int, labels: str | Path | None = None
) -> list[str] | None:
    """Return the class names of a saved model, or None if there are none.

    Args:
        path: The model's folder, such as a run's, or a model file. In a folder, `labels.txt` is
            the model's own; beside a file, it may belong to another model, so it is ignored with
            a warning unless it has one name per class.
        classes: Number of the model's classes.
        labels: A file of class names to read instead.

    Raises:
        FileNotFoundError: If there is no file `labels`.
        ValueError: If `labels`, or the folder's own file, is damaged or does not have one name per
            class.

    >>> import tempfile
    >>> folder = tempfile.mkdtemp()
    >>> find_labels(folder, classes=2) is None
    True
    >>> _ = Path(folder, "labels.txt").write_text("cat\\ndog\\n")
    >>> find_labels(folder, classes=2)
    ['cat', 'dog']
    """
    path = Path(path)
    if labels is not None:
        return class_names(labels, classes)
    if path.is_dir():
        file = path / LABELS_FILE
        return class_names(file, classes) if file.is_file() else None
    file = path.with_name(LABELS_FILE)
    if not file.is_file():
        return None
    try:
        return class_names(file, classes)
    except ValueError as error:
        warnings.warn(f"The class names beside {path.name} are ignored: {error}", stacklevel=2)
        return None
