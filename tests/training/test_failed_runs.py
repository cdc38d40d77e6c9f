"""Runs that cannot begin or go on."""

from dataclasses import replace

import pytest
import tensorflow as tf

from tests.helpers.runs import tiny
from tests.training.data.samples import fill
from training.data import DataError
from training.errors import RecipeError, TrainingError
from training.loop.trainer import Trainer
from training.recipe import Optimizer
from training.schedule_settings import WarmupCosine
from training.train import train

DIVERGING = {"optimizer": Optimizer("sgd"), "schedule": WarmupCosine(peak=1e30)}


def test_nan_stops_and_claims_nothing(tmp_path):
    with pytest.raises(
        TrainingError, match=r"The loss was (nan|inf) at step (\d), which is step \2 of 5"
    ):
        train(tiny(**DIVERGING), tmp_path / "runs" / "a", quiet=True)
    assert not (tmp_path / "runs").exists()


def test_what_tensorflow_raises_is_one_line(monkeypatch, tmp_path):
    def fail(self, data):
        raise tf.errors.InvalidArgumentError(None, None, "No JPEG\n\t [[node]]")

    monkeypatch.setattr(Trainer, "train_step", fail)
    with pytest.raises(TrainingError, match=r"A training step failed: No JPEG$"):
        train(tiny(), tmp_path / "run", quiet=True)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("changes", "error", "message"),
    [
        ({"data": "digts"}, DataError, "There is no data set 'digts'; expected"),
        ({"batch_size": 2000}, DataError, "1433 training images, fewer than one batch of"),
        (
            {"model": replace(tiny().model, input_shape=(8, 8, 3))},
            RecipeError,
            "input_shape must end in 1, the number of channels in digits; received",
        ),
        (
            {
                "model": replace(
                    tiny().model, arguments={**tiny().model.arguments, "patch_size": 16}
                )
            },
            DataError,
            "digits: images are 8 x 8 pixels; expected sides of at least 16",
        ),
    ],
)
def test_a_run_that_cannot_start_leaves_nothing(changes, error, message, tmp_path):
    with pytest.raises(error, match=message):
        train(tiny(**changes), tmp_path / "run", quiet=True)
    assert not list(tmp_path.iterdir())


def test_classes_that_disagree(tmp_path):
    fill(tmp_path / "data" / "train", 2)
    fill(tmp_path / "data" / "val", 1, ("bird", "cat", "dig"))
    recipe = tiny(data=f"folder:{tmp_path / 'data'}", batch_size=2)
    with pytest.raises(
        DataError, match="The training and validation classes differ: 'dog' only in"
    ):
        train(recipe, tmp_path / "run", quiet=True)
    assert not (tmp_path / "run").exists()
