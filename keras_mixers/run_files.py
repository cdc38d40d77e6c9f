"""The files in a run's folder that several packages read: their names, and how to read them."""

import warnings
from pathlib import Path

from keras_mixers.catalogue.preprocessing import Preprocessing
from keras_mixers.json_files import read_json
from keras_mixers.labels import class_names
from keras_mixers.value_checks import check_object

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

    >>> import json, tempfile
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
    return read_json(path, "the preprocessing of a run", _build_preprocessing)


def _build_preprocessing(content: object) -> Preprocessing:
    table = check_object(content)
    mean, std = (
        tuple(values) if isinstance(values := table.get(name), list) else values
        for name in ("mean", "std")
    )
    return Preprocessing(mean, std, table.get("crop"), table.get("interpolation"))  # type: ignore[arg-type]


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
