"""Compares what an export's labels and metadata say with what is known about its model."""

import math
import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path

from hub_export.archive import ARCHIVE_ERRORS, METADATA_FILE
from keras_mixers.json_files import read_json
from keras_mixers.labels import class_names, parse_names
from keras_mixers.run_files import LABELS_FILE
from keras_mixers.value_checks import check_object, excerpt

# What a model's features say too, unless they leave it out. A licence is the user's to choose.
_COMPARED = (
    "family",
    "depth",
    "input_shape",
    "classes",
    "feature_shape",
    "mean",
    "std",
    "crop",
    "interpolation",
    "accuracy",
    "dataset",
)


def differing_statements(
    export: Path, named: Path, labels: Sequence[str] | None, facts: Mapping[str, object]
) -> tuple[str, ...]:
    """Return what an export's own files say otherwise, one text for each difference.

    What one of the two doesn't know isn't compared.

    Args:
        export: The file or folder of the export.
        named: What errors call it.
        labels: One name per class; None if they aren't known.
        facts: What is known about the model, as in `metadata.json`.

    Raises:
        ValueError: If a file is damaged.
    """
    differences = []
    stated = None if labels is None else _read_labels(export, named, len(labels))
    for number, (name, known) in enumerate(zip(stated or (), labels or (), strict=bool(stated))):
        if name != known:
            differences.append(
                f"{LABELS_FILE} calls class {number} {excerpt(name)}, expected {excerpt(known)}"
            )
            break
    metadata = export / "assets" / METADATA_FILE
    if metadata.is_file():
        table = read_json(metadata, "the metadata of an export", check_object)
        differences += [
            f"{METADATA_FILE} says {name} {excerpt(table[name])}, expected {excerpt(facts[name])}"
            for name in _COMPARED
            if None not in (table.get(name), facts.get(name))
            and not _are_same(table[name], facts[name])
        ]
    return tuple(differences)


def _read_labels(export: Path, named: Path, classes: int) -> list[str] | None:
    """Return the class names that an export holds; None if it holds none."""
    file = export / "assets" / LABELS_FILE
    if file.is_file():
        return class_names(file, classes)
    if export.suffix != ".tflite" or not zipfile.is_zipfile(export):
        return None
    try:
        with zipfile.ZipFile(export) as archive:
            if LABELS_FILE not in archive.namelist():
                return None
            text = archive.read(LABELS_FILE).decode("utf-8")
    except (RuntimeError, zipfile.BadZipFile, *ARCHIVE_ERRORS) as error:
        raise ValueError(f"The {LABELS_FILE} in {named} can't be read ({error}).") from None
    return parse_names(text, f"The {LABELS_FILE} in {named}", classes)


def _are_same(stated: object, known: object) -> bool:
    """Tell whether two values of JSON are the same, but for the rounding of numbers."""
    if isinstance(stated, list) and isinstance(known, list | tuple):
        return len(stated) == len(known) and all(map(_are_same, stated, known))
    if isinstance(stated, int | float) and isinstance(known, int | float):
        return math.isclose(stated, known, rel_tol=1e-6)
    return stated == known
