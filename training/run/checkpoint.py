"""The state that a run resumes from, in a file that is written completely or not at all.

The file before it stays beside it, for when a disk or a copy damages the newest. NumPy's archives
have a checksum of each array, which is compared when it is read.
"""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import keras
import numpy as np

from keras_mixers.atomic_files import write_atomically
from keras_mixers.zip_archive import check_archive
from training.errors import CheckpointFileError, DamagedCheckpointError

_STEP = "step"


def save_state(path: Path, step: int, variables: Sequence[keras.Variable]) -> None:
    """Write the state of a run, and keep the previous file beside it.

    A crash leaves one of them at least.

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
        if path.exists():
            path.replace(previous_state(path))


def previous_state(path: Path) -> Path:
    """Return where the state before the newest is.

    >>> previous_state(Path("checkpoint.npz")).name
    'checkpoint-previous.npz'
    """
    return path.with_stem(f"{path.stem}-previous")


def load_state(path: Path, variables: Sequence[keras.Variable]) -> int:
    """Set variables to the values in a file, and return the number of steps that were done.

    Args:
        path: path of a file that `save_state` wrote.
        variables: the same variables in the same order.

    Raises:
        DamagedCheckpointError: if the file is damaged.
        CheckpointFileError: if it holds other variables. In both cases no variable is changed.
    """
    try:
        check_archive(path)
        with path.open("rb") as file, np.load(file) as content:
            arrays = dict(content)
    except Exception as error:  # Whatever NumPy and zipfile meet in damaged bytes.
        raise DamagedCheckpointError(f"{path} can't be read ({error}).") from None
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
