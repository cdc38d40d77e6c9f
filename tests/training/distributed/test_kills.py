"""Runs that are killed at random moments end with the weights of one that never stopped."""

import random
import resource
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import replace
from functools import cache

import numpy as np
import pytest

from keras_mixers.inference import load_classifier
from tests.helpers.local_replicas import largest_difference, two_workers
from tests.helpers.runs import stochastic
from tests.training.distributed.test_strategy import ROOT

# With the seconds that a run takes to start, and on a slower machine.
PATIENCE = 1500  # A safety net: a busy machine has taken four minutes to the first save.
EPOCHS = {"one": 100, "mirrored": 40, "multiworker": 15}
# Seconds until workers that do not come are given up.
WAIT = 20


def start(strategy, recipe, folder, **arguments):
    """Return the processes of a run, which reads its recipe from a file."""
    options = ["train", str(recipe), "--run", str(folder), "--quiet", "--strategy", strategy]
    options += ["--wait", str(WAIT)]
    if strategy == "multiworker":
        return two_workers("keras_mixers", *options)
    module = "keras_mixers" if strategy == "one" else "tests.helpers.two_cpus"
    return [
        subprocess.Popen(
            [sys.executable, "-m", module, *options],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            cwd=ROOT,
            **arguments,
        )
    ]


def end(processes):
    """Wait for processes, and return exit status, output and errors of each."""
    try:
        outputs = [process.communicate(timeout=PATIENCE) for process in processes]
        return [(p.returncode, *texts) for p, texts in zip(processes, outputs, strict=True)]
    finally:
        for process in processes:
            process.kill()


def wait_for_save(folder, processes):
    """Wait until a checkpoint is written that was not there before."""
    path, before = folder / "checkpoint.npz", stamp(folder)
    limit = time.monotonic() + PATIENCE
    while stamp(folder) == before and time.monotonic() < limit:
        if any(process.poll() is not None for process in processes):
            raise AssertionError(end(processes))
        time.sleep(0.01)
    assert stamp(folder) != before, path


def stamp(folder):
    path = folder / "checkpoint.npz"
    return path.stat().st_mtime_ns if path.exists() else None


def readable(path):
    """Return whether all of a checkpoint can be read; none is fine too."""
    if not path.exists():
        return True
    with np.load(path) as content:
        return all(np.isfinite(content[name]).all() for name in content.files)


def written(strategy, folder):
    """Write the recipe of a run that takes seconds, and return the file's path."""
    path = folder / f"{strategy}.json"
    path.write_text(replace(stochastic(), epochs=EPOCHS[strategy], mix_slices=2).to_json())
    return path


@pytest.fixture(scope="module")
def uninterrupted(tmp_path_factory):
    """Return a function that trains on some devices, once, and returns the weights."""

    @cache
    def of(strategy):
        place = tmp_path_factory.mktemp(strategy)
        succeed(start(strategy, written(strategy, place), place / "run"))
        return weights(place / "run")

    return of


def succeed(processes):
    ended = end(processes)
    assert [code for code, *_ in ended] == [0] * len(ended), ended


def weights(folder):
    return load_classifier(folder / "model.keras").get_weights()


def check_equal(folder, expected):
    difference = largest_difference(weights(folder), expected)
    print(f"difference of the final weights: {difference}")
    assert difference == 0
    assert not [entry.name for entry in folder.iterdir() if entry.name.startswith(".")]


def kill(strategy, folder, wait, chance):
    """Start a run, and kill it; return whether it was not finished yet."""
    processes = start(strategy, written(strategy, folder.parent), folder)
    if wait:  # In a step, in a measurement, or while a checkpoint is written.
        wait_for_save(folder, processes)
        time.sleep(chance.uniform(0, 0.5))
    else:  # While it starts, or a little later.
        time.sleep(chance.uniform(0, 8))
    for process in chance.sample(processes, len(processes)):
        process.kill()
    codes = [code for code, *_ in end(processes)]
    assert readable(folder / "checkpoint.npz")
    assert set(codes) <= {0, -signal.SIGKILL}, codes
    return 0 not in codes


@pytest.mark.distributed
@pytest.mark.parametrize(("strategy", "kills"), [("one", 13), ("mirrored", 4), ("multiworker", 3)])
def test_killed_at_random_moments(strategy, kills, uninterrupted, tmp_path):
    chance = random.Random(strategy)
    folder, done = tmp_path / "run", 0
    while done < kills:
        if kill(strategy, folder, wait=done % 3 < 2, chance=chance):
            done += 1
        else:  # It was too fast.
            check_equal(folder, uninterrupted(strategy))
            shutil.rmtree(folder)
    print(f"{strategy}: {kills} kills")
    recipe = written(strategy, tmp_path)
    if strategy == "multiworker":
        check_terminated(folder, start(strategy, recipe, folder))
    succeed(start(strategy, recipe, folder))
    check_equal(folder, uninterrupted(strategy))


def check_terminated(folder, processes):
    """Check that SIGTERM saves a run, and ends all its processes."""
    wait_for_save(folder, processes)
    before = stamp(folder)
    for process in processes:
        process.terminate()
    ended = end(processes)
    assert [code for code, *_ in ended] == [143] * len(ended), ended
    assert stamp(folder) != before


@pytest.mark.distributed
@pytest.mark.parametrize("dead", [0, 1])
def test_a_worker_that_dies_ends_the_others(dead, tmp_path):
    folder = tmp_path / "run"
    processes = start("multiworker", written("multiworker", tmp_path), folder)
    wait_for_save(folder, processes)
    processes[dead].kill()
    begun = time.monotonic()
    code, out, err = end(processes)[1 - dead]
    seconds = time.monotonic() - begun
    print(f"ended {seconds:.1f} s after the other")
    assert seconds < 60
    assert code == 1, (out, err)
    assert "Another worker has ended" in err.splitlines()[-1]
    assert "Traceback" not in err
    assert readable(folder / "checkpoint.npz")


@pytest.mark.distributed
def test_a_worker_alone_gives_up(tmp_path):
    processes = start("multiworker", written("multiworker", tmp_path), tmp_path / "run")
    processes[1].kill()
    (code, out, err), _ = end(processes)
    assert code == 1, (out, err)
    assert "No answer from worker 127.0.0.1:" in err.splitlines()[-1]
    assert f" after {WAIT} s; start the same command" in err.splitlines()[-1]
    assert not (tmp_path / "run").exists()


@pytest.mark.distributed
def test_a_full_disk_leaves_what_was_saved(uninterrupted, tmp_path):
    folder, recipe = tmp_path / "run", written("one", tmp_path)
    processes = start("one", recipe, folder)
    wait_for_save(folder, processes)
    processes[0].kill()
    end(processes)
    before = (folder / "checkpoint.npz").read_bytes()

    def quota():
        resource.setrlimit(resource.RLIMIT_FSIZE, (len(before) // 2, len(before) // 2))

    ((code, out, err),) = end(start("one", recipe, folder, preexec_fn=quota))
    assert code == 1, (out, err)
    assert err.splitlines()[-1] == "error: [Errno 27] File too large"
    assert (folder / "checkpoint.npz").read_bytes() == before
    succeed(start("one", recipe, folder))
    check_equal(folder, uninterrupted("one"))
