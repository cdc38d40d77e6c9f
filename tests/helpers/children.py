"""Processes of their own for tests, forked from one that has imported TensorFlow already.

To import it takes seconds, and a run that is killed six times would do so six times. Python's own
"forkserver" imports once, has no threads and has made no tensor: a fork is as good as a new one.
"""

import multiprocessing
import os
import resource
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import pytest

from tests.helpers.local_replicas import logical_cpus, worker_environments

# Nothing waits so long, but on a machine that is very busy: it ends a test that hangs.
PATIENCE = 600

_FORKS = multiprocessing.get_context("forkserver")
_FORKS.set_forkserver_preload(
    [
        "keras_mixers_cli.app",
        "training.train",
        "sklearn.datasets",
        "matplotlib.figure",
        "tensorboard",
    ]
)


class Child:
    """A process that calls a function.

    Args:
        function: to call, of a module.
        arguments: of the function.
        cpus: how many TensorFlow shall see.
        environment: variables to set.
        file_limit: bytes that a file of it may have.
    """

    def __init__(
        self,
        function: Callable,
        *arguments: object,
        cpus: int = 1,
        environment: Mapping[str, str] | None = None,
        file_limit: int | None = None,
    ) -> None:
        texts = tempfile.mkdtemp()
        self._texts = [Path(texts, name) for name in ("out", "err")]
        self._process = _FORKS.Process(
            target=_call,
            args=(function, arguments, self._texts, cpus, environment or {}, file_limit),
        )
        with pytest.MonkeyPatch.context() as patch:
            # OpenBLAS would start threads in the server, and only its own is in a fork.
            patch.setenv("OPENBLAS_NUM_THREADS", "1")
            self._process.start()

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def is_alive(self) -> bool:
        return self._process.is_alive()

    def kill(self) -> None:
        self._process.kill()

    def terminate(self) -> None:
        self._process.terminate()

    def end(self) -> tuple[int, str, str]:
        """Wait until it has ended, and return its exit status, output and errors."""
        self._process.join(PATIENCE)
        hangs = self._process.is_alive()
        self._process.kill()
        self._process.join()
        out, err = (path.read_text(errors="replace") for path in self._texts)
        assert not hangs, (out, err)
        return self._process.exitcode, out, err


def end_all(children: Sequence[Child]) -> list[tuple[int, str, str]]:
    """Wait until all have ended, and return exit status, output and errors of each."""
    try:
        return [child.end() for child in children]
    finally:
        for child in children:
            child.kill()


def start_workers(function: Callable, *arguments: object, count: int = 2) -> list[Child]:
    """Start the first `count` of two workers."""
    return [
        Child(function, *arguments, environment=environment)
        for environment in worker_environments()[:count]
    ]


def command(*arguments: str) -> None:
    """Be `keras-mixers`."""
    from keras_mixers_cli.app import main

    sys.argv = ["keras-mixers", *arguments]
    main()


def _call(
    function: Callable,
    arguments: Sequence,
    texts: Sequence[Path],
    cpus: int,
    environment: Mapping[str, str],
    file_limit: int | None,
) -> None:
    os.environ.update(environment)
    for number, path in enumerate(texts, start=1):
        os.dup2(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND), number)
    if file_limit is not None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (file_limit, file_limit))
    if cpus > 1:
        logical_cpus(cpus)
    function(*arguments)
