"""Makes runs in processes of their own, several at a time, with a bar over all of them."""

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import NoReturn

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from keras_mixers.printable import printable
from training.comparison.folder import StudyFolder
from training.comparison.outcomes import failure_reason
from training.comparison.trials import Trial
from training.comparison.worker import Job
from training.devices import Devices
from training.run.folder import LOG_FILE

# -P: files in the current folder must not shadow Python's modules.
WORKER = (sys.executable, "-P", "-m", "training.comparison.worker")
_SECONDS_BETWEEN_LOOKS = 0.25
_HOUR = 3600


class _Process:
    """A run in a process of its own, which ends with this one."""

    def __init__(self, trial: Trial, folder: StudyFolder, job: Job) -> None:
        self.trial = trial
        self._output = folder.output(trial)
        with self._output.open("wb") as output:
            # A session of its own: Ctrl-C is for this process, which lets the run save itself.
            self._process = subprocess.Popen(
                [*WORKER, job.to_json()],
                stdin=subprocess.PIPE,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                env={"TF_CPP_MIN_LOG_LEVEL": "3", **os.environ},
            )

    @property
    def is_alive(self) -> bool:
        return self._process.poll() is None

    def terminate(self) -> None:
        """Let the run save itself and end."""
        self._process.terminate()
        self._process.wait()

    def end(self) -> bool:
        """Tell whether the run ended well, after its process has ended."""
        status = self._process.wait()
        if self._process.stdin is not None:
            self._process.stdin.close()
        if status < 0:
            with self._output.open("a", encoding="utf-8") as output:
                output.write(f"\nerror: The process was ended by signal {-status}.\n")
        return status == 0


def make_runs(
    trials: Sequence[Trial],
    folder: StudyFolder,
    jobs: int,
    data_dir: str | None,
    devices: Devices,
    console: Console,
) -> None:
    """Make the runs that aren't finished; those that fail are printed, and the others go on.

    If this process is told to end, the runs in progress save themselves and end first.

    Args:
        trials: runs to make.
        folder: folder of the study.
        jobs: number of runs at the same time.
        data_dir: folder of tensorflow-datasets; None: its default.
        devices: devices of each run.
        console: console to print to.
    """
    waiting = [trial for trial in trials if not folder.is_finished(trial)]
    if len(waiting) < len(trials):
        console.print(f"{len(trials) - len(waiting)} of {len(trials)} runs are finished already.")
    running: list[_Process] = []
    with _Bar(trials, folder, console) as bar, _exit_on_sigterm():
        try:
            while waiting or running:
                while waiting and len(running) < jobs:
                    trial = waiting.pop(0)
                    running.append(_Process(trial, folder, _job(trial, folder, data_dir, devices)))
                bar.update(len(trials) - len(waiting) - len(running))
                for process in [each for each in running if not each.is_alive]:
                    running.remove(process)
                    bar.ended(process.trial, process.end())
                if running:
                    time.sleep(_SECONDS_BETWEEN_LOOKS)
        finally:
            for process in running:
                process.terminate()


def _job(trial: Trial, folder: StudyFolder, data_dir: str | None, devices: Devices) -> Job:
    recipe, run = (str(path) for path in (folder.recipe_file(trial.arm), folder.run(trial)))
    return Job(recipe, trial.recipe.seed, run, data_dir, devices)


class _Bar:
    """A line for each run that ends and, on a terminal, a bar with the time that is left.

    The bar counts epochs, as runs have different numbers of them.
    """

    def __init__(self, trials: Sequence[Trial], folder: StudyFolder, console: Console) -> None:
        self._trials, self._folder, self._console = trials, folder, console
        self._bar = Progress(
            TextColumn("{task.fields[runs]} runs"),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("epochs"),
            TimeRemainingColumn(),
            console=console,
            transient=True,
            disable=not console.is_terminal,
            speed_estimate_period=_HOUR,
        )

    def __enter__(self) -> "_Bar":
        self._task = self._bar.add_task(
            "",
            total=sum(trial.recipe.epochs for trial in self._trials),
            completed=self._epochs(),
            runs="",
        )
        self._bar.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._bar.stop()

    def update(self, ended: int) -> None:
        if self._bar.disable:
            return
        runs = f"{ended}/{len(self._trials)}"
        self._bar.update(self._task, completed=self._epochs(), runs=runs)

    def ended(self, trial: Trial, well: bool) -> None:
        what = "finished" if well else f"failed: {failure_reason(self._folder.output(trial))}"
        self._console.print(printable(f"{trial.name} {what}"), markup=False, soft_wrap=True)

    def _epochs(self) -> int:
        return sum(_epochs_in(self._folder.run(trial) / LOG_FILE) for trial in self._trials)


def _epochs_in(log: Path) -> int:
    """Return the number of a log's rows; its first line names the columns."""
    try:
        return max(len(log.read_bytes().splitlines()) - 1, 0)
    except OSError:
        return 0


@contextmanager
def _exit_on_sigterm() -> Iterator[None]:
    """Raise SystemExit on SIGTERM, so that `finally` blocks run."""

    def leave(number: int, frame: FrameType | None) -> NoReturn:
        raise SystemExit(128 + number)

    # Python allows signal handlers in the main thread only.
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGTERM, leave)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
