"""A run that was stopped goes on as if nothing had happened."""

import json
import os
import shutil
from pathlib import Path

import keras
import numpy as np
import pytest

from keras_mixers.inference import load_classifier
from tests.helpers.runs import stochastic
from training.augment import Augmentation
from training.errors import CheckpointFileError, RunFolderError
from training.loop import callbacks
from training.loop.callbacks import Checkpoints
from training.run.checkpoint import load_state, save_state
from training.train import train

STEPS = 1433 // 256


@pytest.fixture(scope="module", autouse=True)
def _no_pictures():
    """Leave out what takes a second and no part in going on."""
    with pytest.MonkeyPatch.context() as patch:
        for name in ("save_samples", "save_curves"):
            patch.setattr(f"training.train.{name}", lambda *_, **__: None)
        yield


def weights(folder):
    return load_classifier(folder / "model.keras").get_weights()


def train_and_keep(recipe: object, place: Path) -> Path:
    """Train, and keep the folder `place/STEP` as it would be after a crash behind each step."""
    save = Checkpoints._save

    def keeping(self, step):
        save(self, step)
        shutil.copytree(place / "whole", place / str(step))

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(callbacks, "SECONDS_BETWEEN_CHECKPOINTS", -1)  # After each step.
        patch.setattr(Checkpoints, "_save", keeping)
        train(recipe, place / "whole", quiet=True)
    return place


@pytest.fixture(scope="module")
def kept(tmp_path_factory):
    return train_and_keep(stochastic(), tmp_path_factory.mktemp("runs"))


def check_goes_on(recipe, kept, step, tmp_path):
    """Go on after a step, compare with the run that never stopped, and return the result."""
    folder = tmp_path / "run"
    shutil.copytree(kept / str(step), folder)
    assert not (folder / "result.json").exists()
    result = train(recipe, folder, quiet=True)
    for one, other in zip(weights(folder), weights(kept / "whole"), strict=True):
        np.testing.assert_array_equal(one, other)
    return result


@pytest.mark.parametrize(
    "step",
    [
        pytest.param(1, marks=pytest.mark.distributed),
        pytest.param(STEPS, marks=pytest.mark.distributed),
        STEPS + 2,
        pytest.param(2 * STEPS, marks=pytest.mark.distributed),
    ],
)
def test_weights_are_those_of_a_run_that_never_stopped(step, kept, tmp_path):
    result = check_goes_on(stochastic(), kept, step, tmp_path)
    whole = json.loads((kept / "whole" / "result.json").read_text())
    assert result.top1 == whole["accuracy"]
    # What was measured of a whole epoch is the same too; its speed is not.
    logs = [
        [row.split(",") for row in (folder / "log.csv").read_text().splitlines()]
        for folder in (tmp_path / "run", kept / "whole")
    ]
    assert [row[0] for row in logs[0]] == ["epoch", "1", "2"]
    last = 8 if step % STEPS == 0 else 1
    assert logs[0][2][:last] == logs[1][2][:last]


@pytest.mark.distributed
def test_float16_goes_on_with_its_loss_scale(tmp_path):
    recipe = stochastic(precision="float16", ema=None, epochs=1)
    check_goes_on(recipe, train_and_keep(recipe, tmp_path / "runs"), 2, tmp_path)


@pytest.mark.distributed
def test_with_keras_cv_all_but_its_draws_goes_on(tmp_path):
    """Its layers are called, and have nothing to draw: a rate of 1 mirrors every image."""
    recipe = stochastic(augmentation=Augmentation(policy="keras_cv", crop="none", flip=1.0))
    check_goes_on(recipe, train_and_keep(recipe, tmp_path / "runs"), STEPS + 2, tmp_path)


def test_more_epochs_go_on_and_fewer_do_not(kept, tmp_path, capsys):
    folder = tmp_path / "run"
    shutil.copytree(kept / "whole", folder)
    result = train(stochastic(epochs=3), folder, quiet=True)
    assert "Resuming after epoch 2" in capsys.readouterr().out
    assert result.steps == 3 * STEPS
    assert json.loads((folder / "recipe.json").read_text())["epochs"] == 3
    with pytest.raises(RunFolderError, match="holds a finished run of tiny"):
        train(stochastic(epochs=2), folder, quiet=True)
    with pytest.raises(RunFolderError, match="holds a run of another recipe, tiny"):
        train(stochastic(seed=1, epochs=4), folder, quiet=True)
    (folder / "result.json").unlink()
    with pytest.raises(RunFolderError, match=r"has done 3 epochs; .*; received 2"):
        train(stochastic(epochs=2), folder, quiet=True)
    assert (folder / "model.keras").is_file()


def test_damaged_and_foreign_checkpoints_are_named(tmp_path):
    path = tmp_path / "checkpoint.npz"
    variables = [keras.Variable([1.0, 2.0], name="a"), keras.Variable(3.0, name="b")]
    save_state(path, 5, variables)
    with pytest.raises(CheckpointFileError, match="belongs to another network or optimizer: its 2"):
        load_state(path, variables[:1])
    with pytest.raises(CheckpointFileError, match="belongs to another network"):
        load_state(path, [keras.Variable([1.0, 2.0, 3.0], name="a"), variables[1]])
    path.write_bytes(path.read_bytes()[:-40])
    with pytest.raises(CheckpointFileError, match="can't be read"):
        load_state(path, variables)
    assert variables[1].numpy() == 3


def test_full_disk_leaves_the_checkpoint_before(tmp_path, monkeypatch):
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
