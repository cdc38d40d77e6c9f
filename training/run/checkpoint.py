"""What a run must remember to go on after a crash, in one file that is whole or not there."""

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
    """Write the state of a run; a crash meanwhile leaves the file that was there.

    Args:
        path: of a `.npz` file.
        step: updates of the weights so far.
        variables: of network and optimizer, those of random seeds included.

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
        # On the disk before it takes the place of the one before.
        file.flush()
        os.fsync(file.fileno())


def load_state(path: Path, variables: Sequence[keras.Variable]) -> int:
    """Give variables the values of a file, and return the step it was written at.

    Args:
        path: written by `save_state`.
        variables: the same, in the same order, of any values.

    Raises:
        CheckpointFileError: if the file is damaged, or of other variables; none is changed then.
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
            f"{path} is of another network or optimizer: it holds {len(found)} variables, and "
            f"{len(wanted)} are expected; take another folder for this run."
        )
    for name, variable in zip(names, variables, strict=True):
        variable.assign(arrays[name])
    return int(arrays[_STEP])


def _names(variables: Sequence[keras.Variable]) -> list[str]:
    # Paths have numbers that another model in the same process counts up.
    return [f"{i:05}:{variable.name}" for i, variable in enumerate(variables)]
