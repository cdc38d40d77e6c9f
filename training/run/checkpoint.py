"""The state that a run resumes from, in one file that is written completely or not at all."""

import os
import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import keras
import numpy as np

from keras_mixers.atomic_files import write_atomically
from training.errors import CheckpointFileError

_STEP = "step"


def save_state(path: Path, step: int, variables: Sequence[keras.Variable]) -> None:
    """Write the state of a run; a crash while writing leaves the previous file in place.

    Args:
        path: path of the `.npz` file.
        step: number of steps that are done.
        variables: variables of network and optimizer, including random seeds.

    >>> import tempfile
    >>> from keras import Variable
    >>> path = Path(tempfile.mkdtemp(), "checkpoint.npz")
    >>> save_state(path, 7, [Variable([1.0, 2.0], name="a")])
    >>> fresh = Variable([0.0, 0.0], name="a")
    >>> load_state(path, [fresh]), fresh.numpy().tolist()
    (7, [1.0, 2.0])
    """
    arrays: dict[str, Any] = {
        name: np.asarray(variable)
        for name, variable in zip(_names(variables), variables, strict=True)
    }
    arrays[_STEP] = np.int64(step)
    with write_atomically(path, overwrite=True) as place, place.open("wb") as file:
        np.savez(file, **arrays)
        # It must be on the disk before it replaces the previous file.
        file.flush()
        os.fsync(file.fileno())


def load_state(path: Path, variables: Sequence[keras.Variable]) -> int:
    """Set variables to the values in a file, and return the number of steps that were done.

    Args:
        path: path of a file that `save_state` wrote.
        variables: the same variables in the same order.

    Raises:
        CheckpointFileError: if the file is damaged, or holds other variables; in both cases no
            variable is changed.
    """
    try:
        with path.open("rb") as file, np.load(file) as content:
            arrays = dict(content)
    except (OSError, ValueError, EOFError, zipfile.BadZipFile) as error:
        raise CheckpointFileError(f"{path} can't be read ({error}).") from None
    names = _names(variables)
    wanted = {name: tuple(v.shape) for name, v in zip(names, variables, strict=True)}
    found = {name: array.shape for name, array in arrays.items() if name != _STEP}
    if found != wanted or _STEP not in arrays:
        raise CheckpointFileError(
            f"{path} belongs to another network or optimizer: its {len(found)} variables differ "
            f"from the {len(wanted)} of this run; choose another folder."
        )
    for name, variable in zip(names, variables, strict=True):
        variable.assign(arrays[name])
    return int(arrays[_STEP])


def _names(variables: Sequence[keras.Variable]) -> list[str]:
    # Not the path, which contains numbers that depend on other models in the same process.
    return [f"{i:05}:{variable.name}" for i, variable in enumerate(variables)]
