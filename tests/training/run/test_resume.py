"""A run that was stopped goes on as if nothing had happened."""

import json
import os
import random
import signal
import subprocess
import sys
import time
from dataclasses import replace

import numpy as np
import pytest

from keras_mixers.inference import load_classifier
from tests.helpers.runs import tiny
from training.augment import Augmentation
from training.errors import CheckpointFileError, RunFolderError
from training.loop import callbacks
from training.loop.callbacks import Checkpoints
from training.run.checkpoint import load_state, save_state
from training.train import train

STEPS = 1433 // 256


class Crash(BaseException):
    """What ends a run at once."""


def stochastic(**changes):
    """Return a recipe whose steps depend on all that must be remembered."""
    spec = tiny().model
    arguments = {**spec.arguments, "drop_rate": 0.2}
    changes = {"ema": 0.9, **changes}
    return tiny(model=replace(spec, arguments=arguments, drop_path_rate=0.2), **changes)


def weights(folder):
    return load_classifier(folder / "model.keras").get_weights()


@pytest.fixture(scope="module")
def uninterrupted(tmp_path_factory):
    folder = tmp_path_factory.mktemp("runs") / "whole"
    train(stochastic(), folder, quiet=True)
    return folder


def crash_after(monkeypatch, saves):
    """Save after every step, and crash after so many saves."""
    monkeypatch.setattr(callbacks, "SECONDS_BETWEEN", -1)
    save = Checkpoints._save
    counted = []

    def counting(self, step):
        save(self, step)
        counted.append(step)
        if len(counted) == saves:
            raise Crash

    monkeypatch.setattr(Checkpoints, "_save", counting)


@pytest.mark.parametrize(
    "saves",
    [
        pytest.param(1, marks=pytest.mark.distributed),
        pytest.param(STEPS, marks=pytest.mark.distributed),
        STEPS + 2,
        pytest.param(2 * STEPS, marks=pytest.mark.distributed),
    ],
)
def test_weights_are_those_of_a_run_that_never_stopped(saves, uninterrupted, monkeypatch, tmp_path):
    folder = tmp_path / "run"
    with monkeypatch.context() as patch:
        crash_after(patch, saves)
        with pytest.raises(Crash):
            train(stochastic(), folder, quiet=True)
    assert not (folder / "result.json").exists()
    result = train(stochastic(), folder, quiet=True)
    for one, other in zip(weights(folder), weights(uninterrupted), strict=True):
        np.testing.assert_array_equal(one, other)
    whole = json.loads((uninterrupted / "result.json").read_text())
    assert result.top1 == whole["accuracy"]
    epochs = [row.split(",")[0] for row in (folder / "log.csv").read_text().splitlines()]
    assert epochs == ["epoch", "1", "2"]
    # What was measured of a whole epoch is the same too; its speed is not.
    rows = [(path / "log.csv").read_text().splitlines()[2] for path in (folder, uninterrupted)]
    if saves in (STEPS, 2 * STEPS):
        assert rows[0].split(",")[:8] == rows[1].split(",")[:8]


@pytest.mark.distributed
def test_float16_goes_on_with_its_loss_scale(monkeypatch, tmp_path):
    recipe = stochastic(precision="float16", ema=None, epochs=1)
    train(recipe, tmp_path / "whole", quiet=True)
    with monkeypatch.context() as patch:
        crash_after(patch, 2)
        with pytest.raises(Crash):
            train(recipe, tmp_path / "run", quiet=True)
    train(recipe, tmp_path / "run", quiet=True)
    for one, other in zip(weights(tmp_path / "run"), weights(tmp_path / "whole"), strict=True):
        np.testing.assert_array_equal(one, other)


@pytest.mark.distributed
def test_with_keras_cv_all_but_its_draws_goes_on(monkeypatch, tmp_path):
    """Its layers are called, and have nothing to draw: a rate of 1 mirrors every image."""
    mirrored = Augmentation(policy="keras_cv", crop="none", flip=1.0)
    recipe = stochastic(augmentation=mirrored)
    train(recipe, tmp_path / "whole", quiet=True)
    with monkeypatch.context() as patch:
        crash_after(patch, STEPS + 2)
        with pytest.raises(Crash):
            train(recipe, tmp_path / "run", quiet=True)
    train(recipe, tmp_path / "run", quiet=True)
    for one, other in zip(weights(tmp_path / "run"), weights(tmp_path / "whole"), strict=True):
        np.testing.assert_array_equal(one, other)


def test_more_epochs_go_on_and_fewer_do_not(uninterrupted, tmp_path, capsys):
    folder = tmp_path / "run"
    train(stochastic(epochs=1), folder, quiet=True)
    capsys.readouterr()
    result = train(stochastic(epochs=2), folder, quiet=True)
    assert "Goes on after epoch 1" in capsys.readouterr().out
    assert result.steps == 2 * STEPS
    assert json.loads((folder / "recipe.json").read_text())["epochs"] == 2
    with pytest.raises(RunFolderError, match="holds a finished run of tiny"):
        train(stochastic(epochs=1), folder, quiet=True)
    with pytest.raises(RunFolderError, match="holds a run of another recipe, tiny"):
        train(stochastic(seed=1, epochs=3), folder, quiet=True)
    (folder / "result.json").unlink()
    with pytest.raises(RunFolderError, match="has done 2 epochs; received 1"):
        train(stochastic(epochs=1), folder, quiet=True)
    assert (folder / "model.keras").is_file()


def test_damaged_and_foreign_checkpoints_are_named(tmp_path):
    import keras

    path = tmp_path / "checkpoint.npz"
    variables = [keras.Variable([1.0, 2.0], name="a"), keras.Variable(3.0, name="b")]
    save_state(path, 5, variables)
    with pytest.raises(CheckpointFileError, match="is of another network or optimizer: it holds 2"):
        load_state(path, variables[:1])
    with pytest.raises(CheckpointFileError, match="is of another network"):
        load_state(path, [keras.Variable([1.0, 2.0, 3.0], name="a"), variables[1]])
    path.write_bytes(path.read_bytes()[:-40])
    with pytest.raises(CheckpointFileError, match="can't be read"):
        load_state(path, variables)
    assert variables[1].numpy() == 3


def test_full_disk_leaves_the_checkpoint_before(tmp_path, monkeypatch):
    import keras

    path = tmp_path / "checkpoint.npz"
    variables = [keras.Variable(1.0, name="a")]
    save_state(path, 5, variables)

    def full(number):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    variables[0].assign(2.0)
    with pytest.raises(OSError, match="No space left"):
        save_state(path, 6, variables)
    assert load_state(path, variables) == 5
    assert variables[0].numpy() == 1
    assert [entry.name for entry in tmp_path.iterdir()] == ["checkpoint.npz"]


def run_command(recipe_file, folder):
    command = [sys.executable, "-m", "keras_mixers", "train", str(recipe_file), "--quiet"]
    return subprocess.Popen(
        [*command, "--run", str(folder)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def wait_for(path, process):
    for _ in range(1200):
        if path.exists() or process.poll() is not None:
            break
        time.sleep(0.05)
    assert path.exists(), process.communicate()


@pytest.mark.distributed
def test_killed_and_terminated_commands_go_on(tmp_path):
    recipe = stochastic(epochs=40)
    (tmp_path / "recipe.json").write_text(recipe.to_json())
    folder = tmp_path / "run"

    process = run_command(tmp_path / "recipe.json", folder)
    wait_for(folder / "checkpoint.npz", process)
    time.sleep(random.Random(0).uniform(0, 0.5))
    process.kill()
    assert process.wait() == -signal.SIGKILL
    process.communicate()

    process = run_command(tmp_path / "recipe.json", folder)
    before = (folder / "checkpoint.npz").stat().st_mtime_ns
    while (folder / "checkpoint.npz").stat().st_mtime_ns == before:
        assert process.poll() is None, process.communicate()
        time.sleep(0.02)
    process.terminate()
    out, err = process.communicate()
    assert process.returncode == 143, err
    assert "Terminated; what is done is saved" in out

    process = run_command(tmp_path / "recipe.json", folder)
    out, err = process.communicate()
    assert process.returncode == 0, err
    assert "Goes on after epoch" in out
    train(recipe, tmp_path / "whole", quiet=True)
    for one, other in zip(weights(folder), weights(tmp_path / "whole"), strict=True):
        np.testing.assert_array_equal(one, other)
    # Nothing of what was being written is left.
    assert not [entry.name for entry in folder.iterdir() if entry.name.startswith(".")]
