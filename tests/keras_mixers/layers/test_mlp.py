from pathlib import Path

import keras
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from keras_mixers.layers import MLP
from tests.helpers.draws import check_share
from tests.helpers.rounding import assert_close, roundings_in
from tests.keras_mixers.layers.formulas import call, mlp, normal, randomize, weights
from tests.keras_mixers.layers.layer_case import NO_RATES, NO_SIZES, PROPERTY, LayerCase, error
from tests.keras_mixers.layers.layer_checks import run_layer_test

CASE = LayerCase(
    MLP,
    {"hidden_dim": 7, "activation": "gelu", "drop_rate": 0.1},
    input_shape=(2, 5, 4),
    output_shape=(2, 5, 4),
    trainable={
        "dense_0/kernel": (4, 7),
        "dense_0/bias": (7,),
        "dense_1/kernel": (7, 4),
        "dense_1/bias": (4,),
    },
    unknown=((None, 4),),
    masks=True,
)


def test_layer(tmp_path: Path) -> None:
    run_layer_test(CASE, tmp_path)


@PROPERTY
@given(
    shape=st.tuples(st.integers(1, 3), st.integers(1, 5), st.integers(1, 6)),
    hidden_dim=st.integers(1, 8),
)
def test_formula(shape: tuple[int, int, int], hidden_dim: int) -> None:
    x = normal(*shape)
    layer = MLP(hidden_dim, dtype="float64")
    layer.build(shape)
    w = {f"mlp/{name}": value for name, value in randomize(layer).items()}
    assert_close(call(layer, x), mlp(x, w, "mlp"), roundings_in(layer.weights))


def test_dropout_follows_the_activation_and_the_second_dense_layer() -> None:
    layer = MLP(1, activation="relu", drop_rate=0.5, kernel_initializer="ones")
    y = call(layer, np.ones((1, 4000, 1)), training=True)
    # Either of the two drops a value with probability 1/2, and doubles it otherwise.
    assert set(np.unique(y)) == {0.0, 4.0}
    check_share(y == 4, 0.25)
    assert set(np.unique(call(layer, np.ones((1, 9, 1))))) == {1.0}


def test_initial_weights_are_those_of_mixer() -> None:
    layer = MLP(400)
    layer.build((None, None, 100))
    w = weights(layer)
    for name, fan_in in (("dense_0", 100), ("dense_1", 400)):
        sigma = fan_in**-0.5
        assert w[f"{name}/kernel"].std() == pytest.approx(sigma, rel=0.02)
        cut = 2 * sigma / 0.87962566  # LeCun's law ends at two deviations of the whole bell.
        assert 0.99 * cut < np.abs(w[f"{name}/kernel"]).max() <= cut * 1.000001
        assert np.all(w[f"{name}/bias"] == 0)


def test_one_initializer_gives_each_dense_layer_its_own_numbers() -> None:
    initializer = keras.initializers.RandomNormal(stddev=2.0)
    layer = MLP(50, kernel_initializer=initializer)
    layer.build((None, None, 50))
    w = weights(layer)
    assert w["dense_0/kernel"].std() == pytest.approx(2, rel=0.1)
    assert not np.any(w["dense_0/kernel"] == w["dense_1/kernel"])
    again = MLP.from_config(layer.get_config())
    again.build((None, None, 50))
    assert again.dense_1.kernel.numpy().std() == pytest.approx(2, rel=0.1)


@pytest.mark.parametrize("value", NO_SIZES)
def test_hidden_dim_must_be_a_positive_integer(value: object) -> None:
    message = error(MLP, value)
    assert message == f"hidden_dim must be an integer of at least 1; received {value!r}."


@pytest.mark.parametrize("value", NO_RATES)
def test_drop_rate_must_be_a_probability_below_one(value: object) -> None:
    message = error(MLP, 4, drop_rate=value)
    assert message == f"drop_rate must be a number from 0 to below 1; received {value!r}."


def test_tokens_need_three_axes_and_known_channels() -> None:
    message = error(MLP(4), np.ones((2, 6)))
    assert message == "MLP expects an input (B, N, C); received shape (2, 6)."
    message = error(MLP(4), keras.Input((4, None)))
    assert message == "MLP needs to know the last axis when it is built; received None for it."
