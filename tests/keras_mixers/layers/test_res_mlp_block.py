from itertools import product
from pathlib import Path

import keras
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from keras_mixers.gradients.use import backend_gradients
from keras_mixers.layers import ResMLPBlock
from tests.helpers.rounding import assert_close, roundings_in
from tests.keras_mixers.layers.branch_checks import check_branches
from tests.keras_mixers.layers.formulas import Weights, call, dense, mlp, normal, randomize
from tests.keras_mixers.layers.layer_case import NO_RATES, NO_SIZES, PROPERTY, LayerCase, error
from tests.keras_mixers.layers.layer_checks import run_layer_test

CASE = LayerCase(
    ResMLPBlock,
    {
        "channels_mlp_dim": 9,
        "initial_scale": 0.1,
        "activation": "gelu_tanh",
        "drop_rate": 0.1,
        "drop_path_rate": 0.1,
    },
    input_shape=(4, 5, 6),
    output_shape=(4, 5, 6),
    trainable={
        "token_affine/alpha": (6,),
        "token_affine/beta": (6,),
        "token_dense/kernel": (5, 5),
        "token_dense/bias": (5,),
        "token_scale/gamma": (6,),
        "channel_affine/alpha": (6,),
        "channel_affine/beta": (6,),
        "channel_mlp/dense_0/kernel": (6, 9),
        "channel_mlp/dense_0/bias": (9,),
        "channel_mlp/dense_1/kernel": (9, 6),
        "channel_mlp/dense_1/bias": (6,),
        "channel_scale/gamma": (6,),
    },
)


def affine(x: np.ndarray, w: Weights, name: str) -> np.ndarray:
    return w[f"{name}/alpha"] * x + w[f"{name}/beta"]


def block(x: np.ndarray, w: Weights, scales: tuple[float, float] = (1, 1)) -> np.ndarray:
    """The paper's formula; `scales` are those of the two residual branches."""
    y = dense(affine(x, w, "token_affine").swapaxes(1, 2), w, "token_dense").swapaxes(1, 2)
    x = x + scales[0] * w["token_scale/gamma"] * y
    y = mlp(affine(x, w, "channel_affine"), w, "channel_mlp")
    return x + scales[1] * w["channel_scale/gamma"] * y


def built(shape: tuple[int, ...], **options: object) -> tuple[keras.layers.Layer, Weights]:
    layer = ResMLPBlock(9, dtype="float64", **options)
    layer.build(shape)
    return layer, randomize(layer)


def test_layer(tmp_path: Path) -> None:
    run_layer_test(CASE, tmp_path)


@PROPERTY
@given(shape=st.tuples(st.integers(1, 3), st.integers(1, 6), st.integers(1, 6)))
def test_formula_of_the_paper(shape: tuple[int, int, int]) -> None:
    x = normal(*shape)
    layer, w = built(shape)
    assert_close(call(layer, x), block(x, w), roundings_in(layer.weights))
    assert_close(call(layer, x, training=True), block(x, w), roundings_in(layer.weights))
    with backend_gradients():
        np.testing.assert_array_equal(call(layer, x), call(layer, x, training=True))


def test_drop_path_drops_each_branch_of_each_sample_by_itself() -> None:
    layer, w = built((1, 5, 6), drop_path_rate=0.5)
    x = normal(1, 5, 6)
    wanted = [block(x, w, scales)[0] for scales in product((0.0, 2.0), repeat=2)]
    outputs = call(layer, np.repeat(x, 64, axis=0), training=True)
    check_branches(outputs, wanted, roundings_in(layer.weights))


def test_another_number_of_tokens_is_refused() -> None:
    layer, _ = built((None, 5, 6))
    assert "expected axis 1 of input shape to have value 5" in error(layer, np.ones((1, 7, 6)))
    message = error(ResMLPBlock(4), keras.Input((None, 6)))
    assert message == (
        "ResMLPBlock needs to know the number of tokens when it is built; received None for it."
    )


@pytest.mark.parametrize("value", NO_SIZES)
def test_width_must_be_a_positive_integer(value: object) -> None:
    message = error(ResMLPBlock, value)
    assert message == f"channels_mlp_dim must be an integer of at least 1; received {value!r}."


@pytest.mark.parametrize("value", NO_RATES)
@pytest.mark.parametrize("name", ["drop_rate", "drop_path_rate"])
def test_rates_must_be_probabilities_below_one(name: str, value: object) -> None:
    message = error(ResMLPBlock, 4, **{name: value})
    assert message == f"{name} must be a number from 0 to below 1; received {value!r}."
