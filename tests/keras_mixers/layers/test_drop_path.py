from pathlib import Path

import keras
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from keras_mixers.layers import DropPath
from tests.helpers.draws import check_share
from tests.helpers.rounding import assert_close, rounding_bound
from tests.keras_mixers.layers.formulas import call, normal
from tests.keras_mixers.layers.layer_case import NO_RATES, PROPERTY, LayerCase, error
from tests.keras_mixers.layers.layer_checks import run_layer_test

CASE = LayerCase(
    DropPath,
    {"rate": 0.25, "seed": 3},
    input_shape=(4, 5, 6),
    output_shape=(4, 5, 6),
    unknown=((None, 6), (5, 6)),
    masks=True,
)


def test_layer(tmp_path: Path) -> None:
    run_layer_test(CASE, tmp_path)


@PROPERTY
@given(
    rate=st.floats(0.01, 0.95),
    shape=st.lists(st.integers(1, 4), min_size=1, max_size=4),
    seed=st.integers(0, 1000),
)
def test_each_sample_is_dropped_whole_or_scaled(rate: float, shape: list[int], seed: int) -> None:
    x = normal(8, *shape) + 10  # No value is 0 by itself.
    y = call(DropPath(rate, seed=seed, dtype="float64"), x, training=True)
    kept = y.reshape(8, -1)[:, 0] != 0
    np.testing.assert_array_equal(y[~kept], np.zeros_like(x[~kept]))
    if kept.any():
        assert_close(y[kept], x[kept] / (1 - rate), 2)


def test_keeps_the_mean() -> None:
    y = call(DropPath(0.3, seed=1), np.ones((4000, 2)), training=True)
    check_share(y[:, 0] > 0, 0.7)
    assert_close(y[y > 0], np.float32(1 / 0.7), 1)


def test_inference_is_the_identity() -> None:
    x = keras.ops.convert_to_tensor(normal(3, 4).astype("float32"))
    layer = DropPath(0.9)
    assert layer(x) is x
    assert layer(x, training=False) is x
    assert DropPath(0.0)(x, training=True) is x


def test_the_seed_decides() -> None:
    x = np.ones((64, 1))
    first, same, other = (call(DropPath(0.5, seed=seed), x, training=True) for seed in (5, 5, 6))
    np.testing.assert_array_equal(first, same)
    assert np.any(first != other)


def test_every_call_draws_anew() -> None:
    layer, x = DropPath(0.5, seed=5), np.ones((64, 1))
    assert np.any(call(layer, x, training=True) != call(layer, x, training=True))


def test_global_seed_decides_where_none_is_given() -> None:
    x = np.ones((64, 1))
    outputs = []
    for _ in range(2):
        keras.utils.set_random_seed(11)
        outputs.append(call(DropPath(0.5), x, training=True))
    np.testing.assert_array_equal(*outputs)


def test_drops_inside_fit_alone() -> None:
    inputs = keras.Input((1,))
    model = keras.Model(inputs, DropPath(0.5, seed=0)(keras.layers.Dense(1)(inputs)))
    model.compile("sgd", "mse")
    x = np.ones((64, 1))
    assert len(np.unique(model.predict(x, verbose=0))) == 1
    target = model.predict(x[:1], verbose=0)
    loss = model.evaluate(x, np.repeat(target, 64, 0), verbose=0)
    assert loss <= rounding_bound(target, 1) ** 2
    history = model.fit(x, np.repeat(target, 64, 0), epochs=1, batch_size=64, verbose=0)
    assert history.history["loss"][0] > 0.01 * float(target[0, 0]) ** 2


@pytest.mark.parametrize("value", NO_RATES)
def test_rate_must_be_a_probability_below_one(value: object) -> None:
    message = error(DropPath, value)
    assert message == f"rate must be a number from 0 to below 1; received {value!r}."


def test_rates_of_numpy_are_rates() -> None:
    layer = DropPath(np.float32(0.25))
    assert layer.get_config()["rate"] == 0.25
    assert type(layer.rate) is float
