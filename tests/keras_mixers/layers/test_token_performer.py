from pathlib import Path

import keras
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from keras_mixers.layers import TokenPerformer
from tests.helpers.draws import check_normal, check_share
from tests.helpers.rounding import LAYER_NORM, assert_close, roundings_in
from tests.keras_mixers.layers.formulas import (
    Weights,
    call,
    dense,
    gelu,
    layer_norm,
    normal,
    randomize,
    weights,
)
from tests.keras_mixers.layers.layer_case import NO_RATES, NO_SIZES, PROPERTY, LayerCase, error
from tests.keras_mixers.layers.layer_checks import run_layer_test
from tests.keras_mixers.layers.mask_checks import check_masked_tokens_have_no_influence

CASE = LayerCase(
    TokenPerformer,
    {"hidden_dim": 4, "kernel_ratio": 0.75, "drop_rate": 0.1},
    input_shape=(2, 5, 6),
    output_shape=(2, 5, 4),
    trainable={
        "attention_norm/gamma": (6,),
        "attention_norm/beta": (6,),
        "kqv/kernel": (6, 12),
        "kqv/bias": (12,),
        "projection/kernel": (4, 4),
        "projection/bias": (4,),
        "mlp_norm/gamma": (4,),
        "mlp_norm/beta": (4,),
        "mlp_0/kernel": (4, 4),
        "mlp_0/bias": (4,),
        "mlp_1/kernel": (4, 4),
        "mlp_1/bias": (4,),
    },
    fixed={"random_features": (3, 4)},
    unknown=((None, 6),),
    masks=True,
    wide=True,
)


def token_performer(x: np.ndarray, w: Weights) -> np.ndarray:
    """Token by token, as in the authors' code: keys come first in the projection."""
    rows = w["random_features"]

    def phi(t: np.ndarray) -> np.ndarray:
        return np.exp(rows @ t - t @ t / 2) / np.sqrt(len(rows))

    key, query, value = np.split(dense(layer_norm(x, w, "attention_norm", 1e-5), w, "kqv"), 3, -1)
    attended = np.empty_like(value)
    for b, t in np.ndindex(x.shape[:2]):
        seen = np.array([phi(query[b, t]) @ phi(k) for k in key[b]])
        attended[b, t] = seen @ value[b] / (seen.sum() + 1e-8)
    y = value + dense(attended, w, "projection")
    z = gelu(dense(layer_norm(y, w, "mlp_norm", 1e-5), w, "mlp_0"))
    return y + dense(z, w, "mlp_1")


def test_layer(tmp_path: Path) -> None:
    run_layer_test(CASE, tmp_path)


@PROPERTY
@given(
    shape=st.tuples(st.integers(1, 2), st.integers(1, 6), st.integers(1, 9)),
    hidden_dim=st.integers(2, 5),
)
def test_formula_of_the_authors(shape: tuple[int, int, int], hidden_dim: int) -> None:
    x = normal(*shape)
    layer = TokenPerformer(hidden_dim, dtype="float64")
    layer.build(shape)
    w = randomize(layer)
    assert_close(call(layer, x), token_performer(x, w), roundings_in(layer.weights), LAYER_NORM)


def test_masked_tokens_have_no_influence() -> None:
    check_masked_tokens_have_no_influence(CASE)


@pytest.mark.parametrize("policy", ["mixed_float16", "mixed_bfloat16"])
def test_half_precision_outside_is_float32_inside(policy: str) -> None:
    keras.config.set_dtype_policy(policy)
    layer = TokenPerformer(4)
    layer.build((None, 5, 6))
    assert layer.dtype_policy.name == "float32"
    assert {sub.compute_dtype for sub in layer._flatten_layers()} == {"float32"}
    # Keys of this length make exp(-|k|^2 / 2) = exp(-800), and float16 ends at exp(-17).
    w = weights(layer)
    layer.kqv.kernel.assign(40 * w["kqv/kernel"] / np.abs(w["kqv/kernel"]).max())
    outputs = layer(normal(2, 5, 6).astype("float16"))
    assert keras.backend.standardize_dtype(outputs.dtype) == "float32"
    assert np.all(np.isfinite(outputs))


def test_dropout_follows_the_projection_and_the_mlp() -> None:
    layer = TokenPerformer(2, drop_rate=0.5)
    layer.build((1, 4000, 3))
    for part in (layer.kqv, layer.projection, layer.mlp_0, layer.mlp_1):
        part.kernel.assign(np.zeros(part.kernel.shape))
    for part in (layer.projection, layer.mlp_1):
        part.bias.assign(np.ones(2))
    y = call(layer, normal(1, 4000, 3), training=True)
    # Two ones, each dropped or doubled.
    assert set(np.unique(y)) == {0.0, 2.0, 4.0}
    check_share(y == 2, 0.5)
    assert set(np.unique(call(layer, normal(1, 9, 3)))) == {2.0}


def test_initial_weights_are_those_of_t2t_vit() -> None:
    layer = TokenPerformer(64)
    layer.build((None, None, 147))
    w = weights(layer)
    rows = w.pop("random_features")
    assert rows.shape == (32, 64)
    # 32 reflections of 64 numbers, in float32, made them orthogonal.
    assert_close((rows @ rows.T).astype("float32"), 32 * np.eye(32), 32 * 64)
    for name, value in w.items():
        if name.endswith("kernel"):
            check_normal(value, 0.02)
        else:
            assert np.all(value == (1 if name.endswith("gamma") else 0))


@pytest.mark.parametrize("value", NO_SIZES)
def test_hidden_dim_must_be_a_positive_integer(value: object) -> None:
    message = error(TokenPerformer, value)
    assert message == f"hidden_dim must be an integer of at least 1; received {value!r}."


@pytest.mark.parametrize("value", NO_RATES)
def test_drop_rate_must_be_a_probability_below_one(value: object) -> None:
    message = error(TokenPerformer, 4, drop_rate=value)
    assert message == f"drop_rate must be a number from 0 to below 1; received {value!r}."


@pytest.mark.parametrize("value", [0, -0.5, True, "0.5", None, float("nan")])
def test_kernel_ratio_must_be_positive(value: object) -> None:
    message = error(TokenPerformer, 4, kernel_ratio=value)
    assert message == f"kernel_ratio must be a number above 0; received {value!r}."


def test_there_must_be_a_feature() -> None:
    message = error(TokenPerformer, 4, kernel_ratio=0.2)
    assert message == "kernel_ratio * hidden_dim must be an integer of at least 1; received 0."


def test_tokens_need_three_axes() -> None:
    message = error(TokenPerformer(4), np.ones((2, 6)))
    assert message == "TokenPerformer expects an input (B, N, C); received shape (2, 6)."
