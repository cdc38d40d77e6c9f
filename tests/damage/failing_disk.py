"""Runs commands in a process whose disk fails at a point of one's choice.

Python tells an audit hook of all that it opens, makes, renames, lists or removes, and takes an
exception of the hook for one of the operating system. What is written into open files it doesn't
tell; for that, a disk becomes full: from some point on, no file may grow beyond some bytes, those
that TensorFlow and HDF5 write in C++ included. What C++ opens, renames and reads isn't reached.
"""

import dataclasses
import errno
import logging
import os
import resource
import sys
import tempfile
from pathlib import Path
from typing import NamedTuple

ERRORS = ("ENOSPC", "EACCES", "EROFS", "EDQUOT", "EIO", "ENOENT")
KINDS = (*ERRORS, "memory", "full")
_EVENTS = {
    "open",
    "os.chmod",
    "os.listdir",
    "os.mkdir",
    "os.remove",
    "os.rename",
    "os.rmdir",
    "os.scandir",
}


class Fault(NamedTuple):
    """A fault of the disk.

    Attributes:
        at: At which of the operations, the first of which is 1, it happens.
        kind: One of KINDS.
        room: Bytes that a file may have then, if the disk is "full".
    """

    at: int
    kind: str
    room: int = 0


class Outcome(NamedTuple):
    """What became of a command.

    Attributes:
        code: Its exit status.
        out: What it printed.
        err: What it printed as errors.
        traceback: The exception that a user would see as a traceback; "" if there is none.
        operations: Number of operations in the folder that is watched.
        path: The path, in that folder, of the operation that failed.
    """

    code: int
    out: str
    err: str
    traceback: str
    operations: int
    path: str


class _Disk:
    def __init__(self) -> None:
        self.root = self.path = ""
        self.operations = 0
        self.fault: Fault | None = None

    def hook(self, event: str, arguments: tuple) -> None:
        if not self.root or event not in _EVENTS or not isinstance(arguments[0], str | bytes):
            return
        path = os.fsdecode(arguments[0])
        if not path.startswith(self.root):
            return
        self.operations += 1
        if self.fault is not None and self.operations == self.fault.at:
            self.path = path.removeprefix(f"{self.root}/")
            self._fail(self.fault, path)

    def _fail(self, fault: Fault, path: str) -> None:
        if fault.kind == "memory":
            raise MemoryError
        if fault.kind == "full":
            _limit_files(fault.room)
            return
        number = getattr(errno, fault.kind)
        raise OSError(number, os.strerror(number), path)


def _limit_files(size: int | None) -> None:
    """Let files have so many bytes; None: as many as this process may have."""
    _, most = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (most if size is None else size, most))


_DISK = _Disk()


def start(root: str) -> None:
    """Prepare this process: what it writes beside its results lies in `root` too."""
    os.environ["KERAS_MIXERS_CACHE"] = f"{root}/cache"
    os.environ["KERAS_MIXERS_WEIGHTS_URL"] = f"{root}/user"
    os.environ["TMPDIR"] = tempfile.tempdir = f"{root}/tmp"
    os.environ["CUDA_VISIBLE_DEVICES"] = "-1"
    sys.addaudithook(_DISK.hook)
    # It has advice for programs that build many networks, as only a test does.
    logging.getLogger("tensorflow").setLevel(logging.ERROR)
    import keras

    import keras_mixers
    from hub_export.verification import verify
    from hub_export.verification.worker import main
    from keras_mixers import conversion
    from tests.keras_mixers.weights.damage import small_model

    def run_here(*paths: Path) -> str:
        try:
            main(*map(str, paths))
        except Exception as error:
            return f"{type(error).__name__}: {error}".splitlines()[0]
        return ""

    verify._start_worker = run_here

    def build_small(source: str, variant: str | None) -> tuple[keras.Model, str]:
        model = small_model()
        keras_mixers.load_checkpoint(model, source)
        return model, "small"

    conversion.build_from_checkpoint = build_small
    _shorten()


def _shorten() -> None:
    """Train a moment instead of a minute: what is trained matters to no disk."""
    from keras_mixers_cli import quickstart
    from tests.training.comparison.test_processes import FAKE
    from training.comparison import processes

    quickstart.RECIPE = dataclasses.replace(quickstart.RECIPE, epochs=1)
    quickstart.LEAST_ACCURACY = 0
    processes.WORKER = FAKE


def run(arguments: list[str], root: str, fault: Fault | None) -> Outcome:
    """Run a command while the disk of `root` fails."""
    from tests.helpers.command_line import run as run_command

    _DISK.root, _DISK.path, _DISK.operations, _DISK.fault = root, "", 0, fault
    try:
        result = run_command(*arguments)
    finally:
        _DISK.root = ""
        _limit_files(None)
    is_told = result.exception is None or isinstance(result.exception, SystemExit)
    traceback = "" if is_told else repr(result.exception)
    return Outcome(
        result.exit_code, result.stdout, result.stderr, traceback, _DISK.operations, _DISK.path
    )
