from pathlib import Path

import keras
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from keras_mixers.gradients.use import backend_gradients
from keras_mixers.layers import GMLPBlock
from tests.helpers.rounding import LAYER_NORM, assert_close, roundings_in
from tests.keras_mixers.layers.branch_checks import check_branches
from tests.keras_mixers.layers.formulas import (
    Weights,
    call,
    dense,
    gelu,
    layer_norm,
    normal,
    randomize,
)
from tests.keras_mixers.layers.layer_case import NO_RATES, NO_SIZES, PROPERTY, LayerCase, error
from tests.keras_mixers.layers.layer_checks import run_layer_test

CASE = LayerCase(
    GMLPBlock,
    {"channels_mlp_dim": 8, "activation": "gelu_tanh", "drop_rate": 0.1, "drop_path_rate": 0.1},
    input_shape=(4, 5, 6),
    output_shape=(4, 5, 6),
    trainable={
        "norm/gamma": (6,),
        "norm/beta": (6,),
        "dense_0/kernel": (6, 8),
        "dense_0/bias": (8,),
        "gate/norm/gamma": (4,),
        "gate/norm/beta": (4,),
        "gate/token_dense/kernel": (5, 5),
        "gate/token_dense/bias": (5,),
        "dense_1/kernel": (4, 6),
        "dense_1/bias": (6,),
    },
)


def block(x: np.ndarray, w: Weights, scale: float = 1.0) -> np.ndarray:
    """The paper's formula; `scale` is that of the residual branch."""
    y = gelu(dense(layer_norm(x, w, "norm", 1e-6), w, "dense_0"))
    u, v = np.split(y, 2, axis=-1)
    gate = dense(layer_norm(v, w, "gate/norm", 1e-5).swapaxes(1, 2), w, "gate/token_dense")
    return x + scale * dense(u * gate.swapaxes(1, 2), w, "dense_1")


def built(shape: tuple[int, ...], **options: object) -> tuple[keras.layers.Layer, Weights]:
    layer = GMLPBlock(8, dtype="float64", **options)
    layer.build(shape)
    return layer, randomize(layer)


def test_layer(tmp_path: Path) -> None:
    run_layer_test(CASE, tmp_path)


@PROPERTY
@given(shape=st.tuples(st.integers(1, 3), st.integers(1, 6), st.integers(1, 6)))
def test_formula_of_the_paper(shape: tuple[int, int, int]) -> None:
    x = normal(*shape)
    layer, w = built(shape)
    assert_close(call(layer, x), block(x, w), roundings_in(layer.weights), LAYER_NORM)
    assert_close(
        call(layer, x, training=True), block(x, w), roundings_in(layer.weights), LAYER_NORM
    )
    with backend_gradients():
        np.testing.assert_array_equal(call(layer, x), call(layer, x, training=True))


def test_drop_path_drops_the_branch_of_each_sample_by_itself() -> None:
    layer, w = built((1, 5, 6), drop_path_rate=0.5)
    x = normal(1, 5, 6)
    outputs = call(layer, np.repeat(x, 64, axis=0), training=True)
    wanted = [block(x, w, scale)[0] for scale in (0.0, 2.0)]
    check_branches(outputs, wanted, roundings_in(layer.weights))


def test_another_number_of_tokens_is_refused() -> None:
    layer, _ = built((None, 5, 6))
    assert "expected axis 1 of input shape to have value 5" in error(layer, np.ones((1, 7, 6)))
    message = error(GMLPBlock(4), keras.Input((None, 6)))
    assert message == (
        "GMLPBlock needs to know the number of tokens when it is built; received None for it."
    )


@pytest.mark.parametrize("value", NO_SIZES)
def test_width_must_be_a_positive_integer(value: object) -> None:
    message = error(GMLPBlock, value)
    assert message == f"channels_mlp_dim must be an integer of at least 1; received {value!r}."


def test_width_must_be_even() -> None:
    assert error(GMLPBlock, 7) == "channels_mlp_dim must be even; received 7."


@pytest.mark.parametrize("value", NO_RATES)
@pytest.mark.parametrize("name", ["drop_rate", "drop_path_rate"])
def test_rates_must_be_probabilities_below_one(name: str, value: object) -> None:
    message = error(GMLPBlock, 4, **{name: value})
    assert message == f"{name} must be a number from 0 to below 1; received {value!r}."
