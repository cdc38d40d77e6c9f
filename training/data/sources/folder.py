"""Data sets in folders: image files, with one folder per class."""

import os
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from keras_mixers.image_files import is_left_behind, list_files
from keras_mixers.printable import printable
from training.data.random_access import FileSplit
from training.data.sources.class_names import readable_names
from training.data.sources.hold_out import choose_held_out
from training.data.sources.image_check import Finding, check_images
from training.data.split import Data
from training.errors import DataError

_TRAIN = "train"
_VALIDATION = ("val", "validation", "test")  # The first one that exists is used.
_MAX_NAMED = 3  # Maximum number of files or classes that a message names.


class _File(NamedTuple):
    path: str  # Relative to the data set's folder.
    label: int
    plain: bool


def open_folder(
    address: str, root: Path, held_out: float, min_side: int, channels: int, max_bad: int
) -> Data:
    """Open a folder; bad image files are skipped.

    Raises:
        DataError: if there is no such folder, it has no classes, a class has no images, or too many
            files are bad.
    """
    root = root.expanduser()
    if not root.is_dir():
        raise DataError(f"There is no folder {str(root)!r}.")
    train, validation = _find_parts(root)
    classes = _files_by_class(train)
    names = sorted(classes)
    if len(names) < 2:
        raise DataError(
            f"{train} has only the class {names[0]!r}; expected folders for two or more classes."
        )
    listed = [_labelled_paths(root, classes, names)]
    if validation is not None:
        others = _files_by_class(validation)
        _check_same_classes(train, names, validation, sorted(others))
        listed.append(_labelled_paths(root, others, names))
    files, skipped = _skip_bad_files(root, listed, min_side, max_bad)
    _check_no_class_is_empty(train, names, files[0])
    if validation is None:
        labels = np.array([file.label for file in files[0]])
        chosen = choose_held_out([file.path for file in files[0]], labels, held_out)
        files = [
            [file for file, held in zip(files[0], chosen, strict=True) if held == part]
            for part in (False, True)
        ]
    if not files[1]:
        raise DataError(
            f"{validation or root} has no images for validation; add some to its classes."
        )
    train_split, validation_split = (
        _make_split(root, part, len(names), channels) for part in files
    )
    return Data(address, readable_names(names), train_split, validation_split, skipped)


def _find_parts(root: Path) -> tuple[Path, Path | None]:
    """Return the folders of training and validation images; None if the latter are held out."""
    folders = {path.name: path for path in _subfolders(root)}
    validation = next((folders[name] for name in _VALIDATION if name in folders), None)
    train = folders.get(_TRAIN)
    # A class may itself be called train.
    if train is not None and (_subfolders(train) or set(folders) <= {_TRAIN, *_VALIDATION}):
        return train, validation
    if validation is not None and _subfolders(validation) and train is None:
        raise DataError(f"{root} has a folder {validation.name}, but no folder {_TRAIN}; add one.")
    return root, None


def _subfolders(path: Path) -> list[Path]:
    return sorted(
        entry for entry in path.iterdir() if entry.is_dir() and not is_left_behind(entry.name)
    )


def _files_by_class(folder: Path) -> dict[str, list[Path]]:
    """Return the files in each class's folder and the folders below it, but none left behind."""
    classes = {path.name: list_files(path) for path in _subfolders(folder)}
    if classes:
        return classes
    files = sum(entry.is_file() for entry in folder.iterdir())
    if not files:
        raise DataError(f"{folder} is empty; expected one folder of images per class.")
    raise DataError(
        f"{folder} has {files} files but no class folders, so they have no labels; expected one "
        f"folder of images per class, such as {folder / 'cat' / '1.jpg'}."
    )


def _check_same_classes(train: Path, names: list[str], validation: Path, others: list[str]) -> None:
    if names != others:
        missing, unknown = sorted(set(names) - set(others)), sorted(set(others) - set(names))
        only = [
            f"{_name_some(classes)} only in {folder}"
            for folder, classes in ((train, missing), (validation, unknown))
            if classes
        ]
        raise DataError(f"The training and validation classes differ: {'; '.join(only)}.")


def _check_no_class_is_empty(train: Path, names: list[str], files: list[_File]) -> None:
    labels = {file.label for file in files}
    empty = [name for label, name in enumerate(names) if label not in labels]
    if empty:
        raise DataError(
            f"{train} has no readable images of {_name_some(empty)}; add some, or remove the class."
        )


def _labelled_paths(
    root: Path, classes: dict[str, list[Path]], names: list[str]
) -> list[tuple[str, int]]:
    """Return the path of each file, relative to the data set's folder, and its label."""
    return [
        (os.path.relpath(path, root), label)
        for label, name in enumerate(names)
        for path in classes[name]
    ]


def _skip_bad_files(
    root: Path, listed: list[list[tuple[str, int]]], min_side: int, max_bad: int
) -> tuple[list[list[_File]], tuple[str, ...]]:
    """Return the files that can be used, and one line for each file that is skipped."""
    paths = [path for part in listed for path, _ in part]
    findings = dict(zip(paths, check_images(root, paths), strict=True))
    faults = {path: _fault(finding, min_side) for path, finding in findings.items()}
    skipped = tuple(printable(f"{root / path} {fault}") for path, fault in faults.items() if fault)
    summary = (
        f"{len(skipped)} of {len(paths)} files can't be used: {_name_some(skipped, quote=False)}"
    )
    if len(skipped) > max_bad:
        raise DataError(f"{summary}; at most {max_bad} may be skipped; repair or remove them.")
    if skipped:
        warnings.warn(f"{summary}; they are skipped.", stacklevel=4)
    good = [
        [_File(path, label, findings[path].plain) for path, label in part if not faults[path]]
        for part in listed
    ]
    return good, skipped


def _fault(finding: Finding, min_side: int) -> str:
    if not finding.fault and min(finding.width, finding.height) < min_side:
        return (
            f"has {finding.width} x {finding.height} pixels, but both sides must be at least "
            f"{min_side}"
        )
    return finding.fault


def _make_split(root: Path, files: list[_File], num_classes: int, channels: int) -> FileSplit:
    return FileSplit(
        [os.fsencode(root / file.path) for file in files],
        np.array([file.label for file in files]),
        np.array([file.plain for file in files]),
        num_classes,
        channels,
    )


def _name_some(items: Sequence[str], quote: bool = True) -> str:
    """Name the first few items, and say how many more there are."""
    shown = ", ".join(repr(item) if quote else item for item in items[:_MAX_NAMED])
    more = len(items) - _MAX_NAMED
    return f"{shown} and {more} more" if more > 0 else shown
