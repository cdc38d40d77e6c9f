from itertools import product
from pathlib import Path

import keras
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from keras_mixers.layers import TransformerBlock
from tests.helpers.draws import check_normal, check_share
from tests.helpers.rounding import LAYER_NORM, assert_close, roundings_in
from tests.keras_mixers.layers.branch_checks import check_branches
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
from tests.keras_mixers.layers.layer_case import NO_RATES, NO_SIZES, PROPERTY, LayerCase, error
from tests.keras_mixers.layers.layer_checks import run_layer_test
from tests.keras_mixers.layers.mask_checks import check_masked_tokens_have_no_influence

CASE = LayerCase(
    TransformerBlock,
    {
        "num_heads": 2,
        "mlp_ratio": 1.5,
        "activation": "gelu",
        "drop_rate": 0.1,
        "drop_path_rate": 0.1,
        "qkv_bias": True,
        "epsilon": 1e-6,
    },
    input_shape=(4, 5, 6),
    output_shape=(4, 5, 6),
    trainable={
        "attention_norm/gamma": (6,),
        "attention_norm/beta": (6,),
        "qkv/kernel": (6, 18),
        "qkv/bias": (18,),
        "projection/kernel": (6, 6),
        "projection/bias": (6,),
        "mlp_norm/gamma": (6,),
        "mlp_norm/beta": (6,),
        "mlp/dense_0/kernel": (6, 9),
        "mlp/dense_0/bias": (9,),
        "mlp/dense_1/kernel": (9, 6),
        "mlp/dense_1/bias": (6,),
    },
    unknown=((None, 6),),
    masks=True,
)


def block(
    x: np.ndarray,
    w: Weights,
    num_heads: int,
    scales: tuple[float, float] = (1, 1),
    epsilon: float = 1e-5,
) -> np.ndarray:
    """One head after the other; `scales` are those of the two residual branches."""
    normed = layer_norm(x, w, "attention_norm", epsilon)
    query, key, value = (
        np.split(part, num_heads, -1) for part in np.split(dense(normed, w, "qkv"), 3, -1)
    )
    width = x.shape[-1] // num_heads
    heads = [
        softmax(q @ k.swapaxes(1, 2) / np.sqrt(width)) @ v
        for q, k, v in zip(query, key, value, strict=True)
    ]
    x = x + scales[0] * dense(np.concatenate(heads, -1), w, "projection")
    return x + scales[1] * mlp(layer_norm(x, w, "mlp_norm", epsilon), w, "mlp")


def built(shape: tuple[int | None, ...], *args: object, **options: object) -> keras.layers.Layer:
    layer = TransformerBlock(*args, dtype="float64", **options)
    layer.build(shape)
    return layer


def test_the_form_of_vit_has_biases_and_another_epsilon() -> None:
    layer = built((2, 5, 6), 2, qkv_bias=True, epsilon=1e-6)
    w, x = randomize(layer), 1e-3 * normal(2, 5, 6)  # Small, so that epsilon counts.
    assert w["qkv/bias"].shape == (18,)
    np.testing.assert_allclose(call(layer, x), block(x, w, 2, epsilon=1e-6), atol=1e-10)
    assert np.abs(call(layer, x) - block(x, w, 2)).max() > 1e-3


def test_layer(tmp_path: Path) -> None:
    run_layer_test(CASE, tmp_path)


@PROPERTY
@given(
    num_heads=st.integers(1, 4),
    width=st.integers(1, 4),
    tokens=st.integers(1, 6),
    mlp_ratio=st.sampled_from([1, 2.0, 3.5]),
)
def test_formula_of_the_authors(num_heads: int, width: int, tokens: int, mlp_ratio: float) -> None:
    x = normal(2, tokens, num_heads * width)
    layer = built(x.shape, num_heads, mlp_ratio)
    w = randomize(layer)
    assert_close(call(layer, x), block(x, w, num_heads), roundings_in(layer.weights), LAYER_NORM)


def test_masked_tokens_have_no_influence() -> None:
    check_masked_tokens_have_no_influence(CASE)


def test_drop_path_drops_each_branch_of_each_sample_by_itself() -> None:
    x = normal(1, 5, 6)
    layer = built(x.shape, 2, drop_path_rate=0.5)
    w = randomize(layer)
    outputs = call(layer, np.repeat(x, 64, axis=0), training=True)
    wanted = [block(x, w, 2, scales)[0] for scales in product((0.0, 2.0), repeat=2)]
    check_branches(outputs, wanted, roundings_in(layer.weights))


def test_dropout_follows_the_attention_and_the_mlp() -> None:
    layer = built((1, 900, 2), 1, drop_rate=0.5)
    for part in (layer.projection, layer.mlp.dense_1):
        part.kernel.assign(np.zeros(part.kernel.shape))
        part.bias.assign(np.ones(2))
    y = call(layer, np.zeros((1, 900, 2)), training=True)
    # Two ones, each dropped or doubled.
    assert set(np.unique(y)) == {0.0, 2.0, 4.0}
    check_share(y == 2, 0.5)
    assert set(np.unique(call(layer, np.zeros((1, 9, 2))))) == {2.0}


def test_initial_weights_are_those_of_t2t_vit() -> None:
    layer = built((None, None, 64), 2)
    for name, value in weights(layer).items():
        if name.endswith("kernel"):
            check_normal(value, 0.02)
        else:
            assert np.all(value == (1 if name.endswith("gamma") else 0))


@pytest.mark.parametrize("value", NO_SIZES)
def test_num_heads_must_be_a_positive_integer(value: object) -> None:
    message = error(TransformerBlock, value)
    assert message == f"num_heads must be an integer of at least 1; received {value!r}."


@pytest.mark.parametrize("value", NO_RATES)
@pytest.mark.parametrize("name", ["drop_rate", "drop_path_rate"])
def test_rates_must_be_probabilities_below_one(name: str, value: object) -> None:
    message = error(TransformerBlock, 2, **{name: value})
    assert message == f"{name} must be a number from 0 to below 1; received {value!r}."


@pytest.mark.parametrize("value", [0, -3.0, True, "3", None])
def test_mlp_ratio_must_be_positive(value: object) -> None:
    message = error(TransformerBlock, 2, mlp_ratio=value)
    assert message == f"mlp_ratio must be a number above 0; received {value!r}."


def test_mlp_must_have_a_width() -> None:
    message = error(TransformerBlock(2, mlp_ratio=0.1), np.ones((1, 5, 6)))
    assert message == "mlp_ratio * channels must be an integer of at least 1; received 0."


def test_heads_must_divide_the_channels() -> None:
    message = error(TransformerBlock(4), np.ones((1, 5, 6)))
    expected = "num_heads must divide the channels; received num_heads=4 for 6 channels."
    assert message == expected


def test_tokens_need_three_axes_and_known_channels() -> None:
    message = error(TransformerBlock(2), np.ones((2, 6)))
    assert message == "TransformerBlock expects an input (B, N, C); received shape (2, 6)."
    message = error(TransformerBlock(2), keras.Input((4, None)))
    assert message.startswith("TransformerBlock needs to know the channels when it is built;")
