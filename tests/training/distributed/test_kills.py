"""Runs that are stopped in every way end with the weights of one that never stopped."""

import os
import random
import shutil
import signal
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import pytest

from keras_mixers.inference import load_classifier
from keras_mixers.run_files import RESULT_FILE
from tests.helpers.children import PATIENCE, Child, command, end_all, start_workers
from tests.helpers.local_replicas import largest_difference
from tests.helpers.runs import stochastic
from training.run.checkpoint import previous_state
from training.run.lock import LOCK_FILE

pytestmark = pytest.mark.distributed

# Each stop takes three at most.
EPOCHS = 16


@dataclass
class Run:
    """A run that is stopped, and started again, until it is finished.

    Attributes:
        strategy: of its devices.
        place: folder for its recipe and its folders.
        epoch_seconds: between two checkpoints, as far as is known.
    """

    strategy: str
    place: Path
    epoch_seconds: float = 0.0
    chance: random.Random = field(default_factory=random.Random)

    def __post_init__(self):
        recipe = replace(stochastic(), epochs=EPOCHS, mix_slices=2)
        (self.place / "recipe.json").write_text(recipe.to_json())

    @property
    def folder(self) -> Path:
        return self.place / "run"

    @property
    def checkpoint(self) -> Path:
        """The newest, or the one before it for the moment in which they change places."""
        newest = self.folder / "checkpoint.npz"
        return newest if newest.exists() else previous_state(newest)

    def start(self, folder: Path | None = None, wait: int = PATIENCE, **arguments) -> list[Child]:
        """Return the processes of the run, the first worker first."""
        options = ["--run", str(folder or self.folder), "--quiet", "--strategy", self.strategy]
        options = ["train", str(self.place / "recipe.json"), *options, "--wait", str(wait)]
        if self.strategy == "multiworker":
            return start_workers(command, *options, **arguments)
        return [Child(command, *options, cpus=1 + (self.strategy == "mirrored"), **arguments)]

    @property
    def is_finished(self) -> bool:
        return (self.folder / RESULT_FILE).exists()

    def finish(self, folder: Path | None = None) -> None:
        """Let the run end."""
        ended = end_all(self.start(folder))
        assert [code for code, *_ in ended] == [0] * len(ended), ended

    def wait_for_save(self, children: list[Child]) -> bool:
        """Wait until a checkpoint is written that was not there; False: a process has ended."""
        before, limit = self.stamp(), time.monotonic() + PATIENCE
        while self.stamp() in (None, before):
            if not all(child.is_alive for child in children):
                return False
            assert time.monotonic() < limit, "No checkpoint is written."
            time.sleep(0.002)
        return True

    def stamp(self) -> int | None:
        try:
            return (self.folder / "checkpoint.npz").stat().st_mtime_ns
        except FileNotFoundError:
            return None

    def pause(self, most: float) -> None:
        """Wait for a part of some seconds."""
        time.sleep(self.chance.uniform(0, most))

    def check_checkpoint(self) -> None:
        """Check that all of the checkpoint can be read, if there is one."""
        if self.checkpoint.exists():
            with np.load(self.checkpoint) as content:
                assert all(np.isfinite(content[name]).all() for name in content.files)


# Each of these stops a run, and returns False if it was finished before.


def kill_at_the_start(run: Run) -> bool:
    """Kill before the first checkpoint, or a little later: when is left to chance."""
    children = run.start()
    run.pause(EPOCHS / 2 * run.epoch_seconds)
    return _kill(run, children)


def kill_between_saves(run: Run) -> bool:
    """Kill in a step, in an evaluation, or wherever the run is by chance."""
    children = run.start()
    if run.wait_for_save(children):
        begun = time.monotonic()
        if run.wait_for_save(children):
            run.epoch_seconds = time.monotonic() - begun
            run.pause(run.epoch_seconds)
    return _kill(run, children)


def kill_in_a_save(run: Run) -> bool:
    """Kill while a checkpoint is being written beside the one before."""
    children = run.start()
    run.wait_for_save(children)
    while all(child.is_alive for child in children):
        if any(name.startswith(".checkpoint.npz-") for name in os.listdir(run.folder)):
            break
    return _kill(run, children)


def _kill(run: Run, children: list[Child]) -> bool:
    for child in children:
        child.kill()
    codes = {code for code, *_ in end_all(children)}
    run.check_checkpoint()
    assert codes <= {0, -signal.SIGKILL}, codes
    return not run.is_finished


def terminate(run: Run) -> bool:
    """Check that SIGTERM saves a run, and ends all its processes."""
    children = run.start()
    if not run.wait_for_save(children):
        return _finished(children)
    before = run.stamp()
    run.pause(run.epoch_seconds)
    for child in children:
        child.terminate()
    ended = end_all(children)
    if run.is_finished:
        return False
    assert [code for code, *_ in ended] == [143] * len(ended), ended
    assert "Terminated. The run is saved" in ended[0][1]
    assert run.stamp() != before
    return True


def fill_the_disk(run: Run) -> bool:
    """Check that a checkpoint that can't be written leaves the one before."""
    before = run.checkpoint.read_bytes()
    ((code, out, err),) = end_all(run.start(file_limit=len(before) // 2))
    assert code == 1, (out, err)
    assert err.splitlines()[-1] == "error: [Errno 27] File too large"
    assert run.checkpoint.read_bytes() == before
    return True


def lose_a_worker(dead: int) -> Callable[[Run], bool]:
    """Return a function that kills one of two workers, and checks that the other one ends."""

    def lose(run: Run) -> bool:
        children = run.start()
        if not run.wait_for_save(children):
            return _finished(children)
        run.pause(run.epoch_seconds)
        children[dead].kill()
        ended = end_all(children)
        code, out, err = ended[1 - dead]
        if run.is_finished:
            return False
        assert code == 1, (out, err)
        assert "Another worker has ended" in err.splitlines()[-1]
        assert "Traceback" not in err
        run.check_checkpoint()
        return True

    return lose


def _weights(folder: Path) -> list[np.ndarray]:
    return load_classifier(folder / "model.keras").get_weights()


def _finished(children: list[Child]) -> bool:
    ended = end_all(children)
    assert [code for code, *_ in ended] == [0] * len(ended), ended
    return False


STOPS = {
    "one": (
        kill_at_the_start,
        kill_between_saves,
        kill_in_a_save,
        fill_the_disk,
        kill_between_saves,
        terminate,
    ),
    "mirrored": (terminate, kill_between_saves, terminate),
    "multiworker": (lose_a_worker(0), lose_a_worker(1), terminate),
}


@pytest.mark.parametrize("strategy", STOPS)
def test_runs_that_are_stopped_end_with_the_same_weights(strategy, tmp_path):
    run = Run(strategy, tmp_path)
    begun = time.monotonic()
    run.finish(tmp_path / "whole")
    run.epoch_seconds = (time.monotonic() - begun) / EPOCHS
    expected = _weights(tmp_path / "whole")

    def check_end():
        assert largest_difference(_weights(run.folder), expected) == 0
        left = {entry.name for entry in run.folder.iterdir() if entry.name.startswith(".")}
        assert left == {LOCK_FILE}

    for stop in STOPS[strategy]:
        while not stop(run):  # It was too fast, and is finished.
            check_end()
            shutil.rmtree(run.folder)
        print(f"{strategy}: {stop.__name__}")
    run.finish()
    check_end()


def test_a_second_process_is_kept_out(tmp_path):
    run = Run("one", tmp_path)
    first = run.start()
    assert run.wait_for_save(first)
    ((code, out, err),) = end_all(run.start())
    assert code == 1, (out, err)
    assert f"belongs to process {first[0].pid} on " in err.splitlines()[-1]
    _kill(run, first)
    run.finish()
    epochs = [row.split(",")[0] for row in (run.folder / "log.csv").read_text().split()[1:]]
    assert epochs == [str(epoch) for epoch in range(1, EPOCHS + 1)]


def test_a_worker_alone_gives_up(tmp_path):
    run = Run("multiworker", tmp_path)
    [(code, out, err)] = end_all(run.start(wait=2, count=1))
    assert code == 1, (out, err)
    assert "No answer from worker 127.0.0.1:" in err.splitlines()[-1]
    assert " after 2 s; start the same command" in err.splitlines()[-1]
    assert not run.folder.exists()
