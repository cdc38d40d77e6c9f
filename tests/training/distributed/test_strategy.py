from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow as tf

from keras_mixers_cli.recipe_options import parse
from tests.helpers.local_replicas import largest_difference
from training.devices import Devices
from training.distributed.strategy import (
    check_batch_size,
    check_shared_statistics,
    open_strategy,
    prepare_for_replicas,
)
from training.errors import RecipeError
from training.keras_internals import ALL_REDUCE_METHOD, sum_over_replicas
from training.optimizer import SGD, AdamW

ROOT = Path(__file__).parents[3]


class Replicas:
    """What a recipe's check asks of a strategy of two."""

    num_replicas_in_sync = 2


def test_no_nan_is_passed_over():
    """What differences are measured with."""
    fine, broken = np.ones(2), np.array([1.0, np.nan])
    assert largest_difference([fine, fine], [fine, fine + 1]) == 1
    assert np.isnan(largest_difference([fine, fine], [fine, broken]))


def test_devices_on_the_command_line():
    assert parse("convmixer_digits", ["--strategy", "mirrored"]).devices == Devices("mirrored")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ("--stratgy mirrored", r"--stratgy, mirrored; did you mean --strategy\?$"),
        (
            "--strategy mirrord",
            r"invalid choice 'mirrord' for argument '--strategy'\. Expected one",
        ),
    ],
)
def test_typos_on_the_command_line(arguments, message):
    with pytest.raises(RecipeError, match=message):
        parse("convmixer_digits", arguments.split())


def test_typos_in_code():
    with pytest.raises(RecipeError, match="no strategy 'mirored'; did you mean mirrored"):
        Devices("mirored")


def test_batches_must_divide():
    class Three:
        num_replicas_in_sync = 3

    with pytest.raises(RecipeError, match=r"multiple of the 3 replicas; received 256\.$"):
        check_batch_size(256, 1, Three())
    with pytest.raises(RecipeError, match="3 replicas times the 2 accumulated parts; received 256"):
        check_batch_size(256, 2, Three())
    check_batch_size(258, 2, Three())


def test_statistics_that_cannot_be_shared():
    network = keras.Sequential([keras.Input((2,)), keras.layers.BatchNormalization()], name="some")
    two = Devices("mirrored")
    check_shared_statistics(network, 1, Replicas(), two)
    check_shared_statistics(network, 2, tf.distribute.get_strategy(), two)
    check_shared_statistics(network, 2, Replicas(), Devices("mirrored", "averaged"))
    message = r"^Recipe\.accumulate must be 1 on several replicas if some .*received 2\. To save"
    with pytest.raises(RecipeError, match=message):
        check_shared_statistics(network, 2, Replicas(), two)
    without = keras.Sequential([keras.Input((2,)), keras.layers.LayerNormalization()])
    check_shared_statistics(without, 2, Replicas(), two)


@pytest.mark.parametrize("make", [SGD, AdamW])
@pytest.mark.parametrize("scaled", [False, True])
def test_keras_calls_the_method_that_is_replaced(make, scaled):
    """Fails when Keras adds up gradients in another place."""
    optimizer = make(0.1)
    outer = keras.optimizers.LossScaleOptimizer(optimizer) if scaled else optimizer
    variable = keras.Variable([1.0])
    outer.build([variable])
    loss, gradients = sum_over_replicas(outer, tf.constant(2.0), [tf.constant([3.0])])
    assert (float(loss), float(gradients[0][0])) == (2, 3)
    assert ALL_REDUCE_METHOD in vars(optimizer)
    assert ALL_REDUCE_METHOD not in vars(make(0.1))
    called = []
    setattr(optimizer, ALL_REDUCE_METHOD, lambda pairs: called.append(len(pairs)) or pairs)
    outer.apply_gradients(zip(gradients, [variable], strict=True))
    assert called == [1]


def test_an_optimizer_without_the_method_is_refused():
    class Other:
        pass

    with pytest.raises(AttributeError, match=f"Other has no method {ALL_REDUCE_METHOD}"):
        sum_over_replicas(Other(), tf.constant(0.0), [])


def test_on_one_device_nothing_is_shared():
    network = keras.Sequential([keras.Input((2,)), keras.layers.BatchNormalization()])
    with prepare_for_replicas(network, tf.distribute.get_strategy(), Devices("mirrored")):
        assert not network.layers[0].synchronized


def test_statistics_are_shared_only_in_the_block():
    network = keras.Sequential([keras.Input((2,)), keras.layers.BatchNormalization()])
    with prepare_for_replicas(network, Replicas(), Devices("mirrored")):
        assert network.layers[0].synchronized
    assert not network.layers[0].synchronized


def test_averaged_statistics_are_not_shared():
    network = keras.Sequential([keras.Input((2,)), keras.layers.BatchNormalization()])
    with prepare_for_replicas(network, Replicas(), Devices("mirrored", "averaged")):
        assert not network.layers[0].synchronized


def test_a_tpu_that_is_not_there():
    with pytest.raises(RecipeError, match=r"^There is no TPU that TensorFlow can use \(.+\)\.$"):
        open_strategy(Devices("tpu"))


@pytest.mark.parametrize("name", ["steps_per_execution", "wait"])
def test_numbers_of_devices(name):
    with pytest.raises(RecipeError, match=f"Devices.{name} must be at least 1; received 0"):
        Devices(**{name: 0})
