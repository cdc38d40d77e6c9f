"""A folder of images, with a folder for each class."""

import os
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from training.data.random_access import FileSplit
from training.data.sources.hold_out import held_out_of
from training.data.sources.image_check import Finding, scan
from training.data.split import Data
from training.errors import DataError

_TRAIN = "train"
_VALIDATION = ("val", "validation", "test")  # The first that there is.
_NAMED = 3  # So many files are named in a message.


class _File(NamedTuple):
    path: str  # Relative to the folder of the data.
    label: int
    plain: bool


def open_folder(
    address: str, root: Path, held_out: float, min_side: int, channels: int, max_bad: int
) -> Data:
    """Return the images of a folder that can be read.

    Raises:
        DataError: if there is no such folder, no class, a class without images, or too many files
            that are no good image.
    """
    root = root.expanduser()
    if not root.is_dir():
        raise DataError(f"There is no folder {str(root)!r}.")
    train, validation = _layout(root)
    classes = _classes(train)
    names = sorted(classes)
    if len(names) < 2:
        raise DataError(
            f"{train} has the one class {names[0]!r}; expected a folder for each of two or more."
        )
    listed = [_listing(root, classes, names)]
    if validation is not None:
        others = _classes(validation)
        _check_same(train, names, validation, sorted(others))
        listed.append(_listing(root, others, names))
    files, skipped = _readable(root, listed, min_side, max_bad)
    _check_filled(train, names, files[0])
    if validation is None:
        labels = np.array([file.label for file in files[0]])
        chosen = held_out_of([file.path for file in files[0]], labels, held_out)
        files = [
            [file for file, held in zip(files[0], chosen, strict=True) if held == part]
            for part in (False, True)
        ]
    if not files[1]:
        raise DataError(
            f"{validation or root} leaves no image to measure with; add some to its classes."
        )
    train_split, validation_split = (_split(root, part, len(names), channels) for part in files)
    return Data(address, tuple(names), train_split, validation_split, skipped)


def _layout(root: Path) -> tuple[Path, Path | None]:
    """Return the folders of classes to train and to measure with; None: a share of the former."""
    folders = {path.name: path for path in _folders(root)}
    validation = next((folders[name] for name in _VALIDATION if name in folders), None)
    train = folders.get(_TRAIN)
    # A class may be called train, too.
    if train is not None and (_folders(train) or set(folders) <= {_TRAIN, *_VALIDATION}):
        return train, validation
    if validation is not None and _folders(validation) and train is None:
        raise DataError(f"{root} has a folder {validation.name} and none named {_TRAIN}.")
    return root, None


def _folders(path: Path) -> list[Path]:
    return sorted(
        entry for entry in path.iterdir() if entry.is_dir() and not entry.name.startswith(".")
    )


def _classes(folder: Path) -> dict[str, list[Path]]:
    """Return the files below each class's folder; hidden ones belong to nobody."""
    classes = {}
    for path in _folders(folder):
        classes[path.name] = sorted(
            Path(place, name)
            for place, _, names in os.walk(path)
            for name in names
            if not name.startswith(".")
        )
    if classes:
        return classes
    files = sum(entry.is_file() for entry in folder.iterdir())
    if not files:
        raise DataError(f"{folder} is empty; expected a folder of images for each class.")
    raise DataError(
        f"{folder} has {files} files and no folder of a class: they have no labels; expected one "
        f"folder of images for each class, such as {folder / 'cat' / '1.jpg'}."
    )


def _check_same(train: Path, names: list[str], validation: Path, others: list[str]) -> None:
    if names != others:
        missing, unknown = sorted(set(names) - set(others)), sorted(set(others) - set(names))
        only = [
            f"{_some(classes)} in {folder} alone"
            for folder, classes in ((train, missing), (validation, unknown))
            if classes
        ]
        raise DataError(f"The classes to train and to measure with differ: {'; '.join(only)}.")


def _check_filled(train: Path, names: list[str], files: list[_File]) -> None:
    filled = {file.label for file in files}
    bare = [name for label, name in enumerate(names) if label not in filled]
    if bare:
        raise DataError(
            f"{train}: no image that can be read for {_some(bare)}; add some or remove the folder."
        )


def _listing(root: Path, classes: dict[str, list[Path]], names: list[str]) -> list[tuple[str, int]]:
    """Return each file's path, relative to the folder of the data, and label."""
    return [
        (os.path.relpath(path, root), label)
        for label, name in enumerate(names)
        for path in classes[name]
    ]


def _readable(
    root: Path, listed: list[list[tuple[str, int]]], min_side: int, max_bad: int
) -> tuple[list[list[_File]], tuple[str, ...]]:
    """Return the files that are good images, and a line for each of the others."""
    paths = [path for part in listed for path, _ in part]
    findings = dict(zip(paths, scan(root, paths), strict=True))
    faults = {path: _fault(finding, min_side) for path, finding in findings.items()}
    skipped = tuple(f"{root / path} {fault}" for path, fault in faults.items() if fault)
    summary = f"{len(skipped)} of {len(paths)} files can't be used: {_some(skipped, quote=False)}"
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
            f"has {finding.width} x {finding.height} pixels, and sides of at least {min_side} are "
            "needed"
        )
    return finding.fault


def _split(root: Path, files: list[_File], num_classes: int, channels: int) -> FileSplit:
    return FileSplit(
        [os.fsencode(root / file.path) for file in files],
        np.array([file.label for file in files]),
        np.array([file.plain for file in files]),
        num_classes,
        channels,
    )


def _some(items: Sequence[str], quote: bool = True) -> str:
    """Return the first few of many, and how many more there are."""
    shown = ", ".join(repr(item) if quote else item for item in items[:_NAMED])
    more = len(items) - _NAMED
    return f"{shown} and {more} more" if more > 0 else shown
