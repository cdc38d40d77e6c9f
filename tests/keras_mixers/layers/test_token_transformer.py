from pathlib import Path

import keras
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from keras_mixers.layers import TokenTransformer
from tests.helpers.draws import check_normal
from tests.helpers.rounding import LAYER_NORM, assert_close, roundings_in
from tests.keras_mixers.layers.formulas import (
    Weights,
    call,
    dense,
    layer_norm,
    mlp,
    normal,
    randomize,
    softmax,
    weights,
)
from tests.keras_mixers.layers.layer_case import NO_SIZES, PROPERTY, LayerCase, error
from tests.keras_mixers.layers.layer_checks import run_layer_test
from tests.keras_mixers.layers.mask_checks import check_masked_tokens_have_no_influence

CASE = LayerCase(
    TokenTransformer,
    {"hidden_dim": 4},
    input_shape=(2, 5, 6),
    output_shape=(2, 5, 4),
    trainable={
        "attention_norm/gamma": (6,),
        "attention_norm/beta": (6,),
        "qkv/kernel": (6, 12),
        "projection/kernel": (4, 4),
        "projection/bias": (4,),
        "mlp_norm/gamma": (4,),
        "mlp_norm/beta": (4,),
        "mlp/dense_0/kernel": (4, 4),
        "mlp/dense_0/bias": (4,),
        "mlp/dense_1/kernel": (4, 4),
        "mlp/dense_1/bias": (4,),
    },
    unknown=((None, 6),),
    masks=True,
)


def token_transformer(x: np.ndarray, w: Weights) -> np.ndarray:
    """Scaled by the input's channels, not by the head's; the residual is that of the values."""
    query, key, value = np.split(dense(layer_norm(x, w, "attention_norm", 1e-5), w, "qkv"), 3, -1)
    attention = softmax(query @ key.swapaxes(1, 2) * x.shape[-1] ** -0.5)
    y = value + dense(attention @ value, w, "projection")
    return y + mlp(layer_norm(y, w, "mlp_norm", 1e-5), w, "mlp")


def test_layer(tmp_path: Path) -> None:
    run_layer_test(CASE, tmp_path)


@PROPERTY
@given(
    shape=st.tuples(st.integers(1, 2), st.integers(1, 6), st.integers(1, 9)),
    hidden_dim=st.integers(1, 5),
)
def test_formula_of_the_authors(shape: tuple[int, int, int], hidden_dim: int) -> None:
    x = normal(*shape)
    layer = TokenTransformer(hidden_dim, dtype="float64")
    layer.build(shape)
    w = randomize(layer)
    assert_close(call(layer, x), token_transformer(x, w), roundings_in(layer.weights), LAYER_NORM)


def test_masked_tokens_have_no_influence() -> None:
    check_masked_tokens_have_no_influence(CASE)


def test_initial_weights_are_those_of_t2t_vit() -> None:
    layer = TokenTransformer(64)
    layer.build((None, None, 147))
    for name, value in weights(layer).items():
        if name.endswith("kernel"):
            check_normal(value, 0.02)
        else:
            assert np.all(value == (1 if name.endswith("gamma") else 0))


@pytest.mark.parametrize("value", NO_SIZES)
def test_hidden_dim_must_be_a_positive_integer(value: object) -> None:
    message = error(TokenTransformer, value)
    assert message == f"hidden_dim must be an integer of at least 1; received {value!r}."


def test_tokens_need_three_axes_and_known_channels() -> None:
    message = error(TokenTransformer(4), np.ones((2, 4, 6, 6)))
    assert message == "TokenTransformer expects an input (B, N, C); received shape (2, 4, 6, 6)."
    message = error(TokenTransformer(4), keras.Input((4, None)))
    assert (
        message == "LayerNorm needs to know the last axis when it is built; received None for it."
    )
