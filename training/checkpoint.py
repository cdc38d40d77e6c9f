"""What a run must remember to go on after a crash, in one file that is whole or not there."""

import os
import signal
import threading
import time
import zipfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import FrameType
from typing import Any

import keras
import numpy as np

from hub_export.files import beside

# An epoch may take hours.
SECONDS_BETWEEN = 600
TERMINATED = 128 + signal.SIGTERM
_STEP = "step"


class CheckpointFileError(ValueError):
    """A checkpoint can't be read, or is of another network; the text is one line."""


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
    with beside(path, overwrite=True) as place, place.open("wb") as file:
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


class Checkpoints(keras.callbacks.Callback):
    """Writes the state of a run after each epoch, every ten minutes, and when it is terminated.

    SIGTERM lets the step at hand end; then the state is written and SystemExit raised, whose
    status is 143. It must come after the callbacks that write an epoch's row.

    Args:
        save: takes the step; None: nothing is written. Of several workers, those that do not write
            outlive the one that does.
        steps: of an epoch.

    Attributes:
        terminated: whether SIGTERM came.
    """

    def __init__(self, save: Callable[[int], None] | None, steps: int) -> None:
        super().__init__()
        self.save = save
        self.steps = steps
        self.terminated = False

    def on_train_begin(self, logs: Mapping[str, float] | None = None) -> None:
        self._saved = time.monotonic()
        # Only the main thread may say what a signal does.
        self._is_main = threading.current_thread() is threading.main_thread()
        if self._is_main:
            self._before = signal.signal(signal.SIGTERM, self._terminate)

    def on_train_end(self, logs: Mapping[str, float] | None = None) -> None:
        if self._is_main:
            signal.signal(signal.SIGTERM, self._before)
            self._is_main = False

    def _terminate(self, number: int, frame: FrameType | None) -> None:
        self.terminated = True

    def on_epoch_begin(self, epoch: int, logs: Mapping[str, float] | None = None) -> None:
        # After a resume in the middle of an epoch, fit counts what is left of it.
        self._first = (epoch + 1) * self.steps - self.params["steps"]
        self._epoch = epoch

    def on_train_batch_end(self, batch: int, logs: Mapping[str, float] | None = None) -> None:
        step = self._first + min(batch + 1, self.params["steps"])
        # What ends an epoch is saved once it was measured.
        if step == (self._epoch + 1) * self.steps and not self.terminated:
            return
        if self.terminated or time.monotonic() - self._saved > SECONDS_BETWEEN:
            self._save(step)

    def on_epoch_end(self, epoch: int, logs: Mapping[str, float] | None = None) -> None:
        self._save((epoch + 1) * self.steps)

    def _save(self, step: int) -> None:
        if self.save is None:
            return
        self.save(step)
        self._saved = time.monotonic()
        if self.terminated:
            raise SystemExit(TERMINATED)
