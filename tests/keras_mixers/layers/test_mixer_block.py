from itertools import product
from pathlib import Path

import keras
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from keras_mixers.gradients.use import backend_gradients
from keras_mixers.layers import MixerBlock
from tests.helpers.rounding import LAYER_NORM, assert_close, roundings_in
from tests.keras_mixers.layers.branch_checks import check_branches
from tests.keras_mixers.layers.formulas import Weights, call, layer_norm, mlp, normal, randomize
from tests.keras_mixers.layers.layer_case import NO_RATES, NO_SIZES, PROPERTY, LayerCase, error
from tests.keras_mixers.layers.layer_checks import run_layer_test

SIZES = {"tokens_mlp_dim": 7, "channels_mlp_dim": 9}
CASE = LayerCase(
    MixerBlock,
    {**SIZES, "activation": "gelu_tanh", "drop_rate": 0.1, "drop_path_rate": 0.1},
    input_shape=(4, 5, 6),
    output_shape=(4, 5, 6),
    trainable={
        "token_norm/gamma": (6,),
        "token_norm/beta": (6,),
        "token_mlp/dense_0/kernel": (5, 7),
        "token_mlp/dense_0/bias": (7,),
        "token_mlp/dense_1/kernel": (7, 5),
        "token_mlp/dense_1/bias": (5,),
        "channel_norm/gamma": (6,),
        "channel_norm/beta": (6,),
        "channel_mlp/dense_0/kernel": (6, 9),
        "channel_mlp/dense_0/bias": (9,),
        "channel_mlp/dense_1/kernel": (9, 6),
        "channel_mlp/dense_1/bias": (6,),
    },
)


def block(x: np.ndarray, w: Weights, scales: tuple[float, float] = (1, 1)) -> np.ndarray:
    """The paper's formula; `scales` are those of the two residual branches."""
    y = mlp(layer_norm(x, w, "token_norm", 1e-6).swapaxes(1, 2), w, "token_mlp").swapaxes(1, 2)
    x = x + scales[0] * y
    return x + scales[1] * mlp(layer_norm(x, w, "channel_norm", 1e-6), w, "channel_mlp")


def built(shape: tuple[int, ...], **options: object) -> tuple[keras.layers.Layer, Weights]:
    layer = MixerBlock(**SIZES, dtype="float64", **options)
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


def test_drop_path_drops_each_branch_of_each_sample_by_itself() -> None:
    layer, w = built((1, 5, 6), drop_path_rate=0.5)
    x = normal(1, 5, 6)
    outputs = call(layer, np.repeat(x, 64, axis=0), training=True)
    wanted = [block(x, w, scales)[0] for scales in product((0.0, 2.0), repeat=2)]
    check_branches(outputs, wanted, roundings_in(layer.weights))


def test_dropout_is_in_both_mlps() -> None:
    layer, w = built((1, 5, 6), drop_rate=0.5)
    x = normal(1, 5, 6)
    for name in ("channel", "token"):
        for dense in ("dense_0", "dense_1"):
            getattr(getattr(layer, f"{name}_mlp"), dense).kernel.assign(
                np.zeros_like(w[f"{name}_mlp/{dense}/kernel"])
            )
        # All that is left of one MLP are its second biases, dropped or doubled.
        getattr(layer, f"{name}_mlp").dense_1.bias.assign(np.ones(5 if name == "token" else 6))
    added = call(layer, np.repeat(x, 64, axis=0), training=True) - x
    assert set(np.unique(added.round(9))) == {0.0, 2.0, 4.0}


def test_another_size_at_call_names_both() -> None:
    layer, _ = built((None, 5, 6))
    message = error(layer, np.ones((1, 7, 6)))
    assert "expected axis 1 of input shape to have value 5" in message
    assert "received input with shape (1, 7, 6)" in message
    message = error(layer, np.ones((1, 5, 8)))
    assert "expected axis 2 of input shape to have value 6" in message
    assert "received input with shape (1, 5, 8)" in message


def test_size_must_be_known() -> None:
    message = error(MixerBlock(4, 4), keras.Input((None, 6)))
    assert message == (
        "MixerBlock needs to know the number of tokens when it is built; received None for it."
    )
    message = error(MixerBlock(4, 4), keras.Input((5, None)))
    assert (
        message == "MixerBlock needs to know the channels when it is built; received None for it."
    )
    message = error(MixerBlock(4, 4), np.ones((2, 6)))
    assert message == "MixerBlock expects an input (B, N, C); received shape (2, 6)."


def test_a_mask_ends_here_with_a_warning() -> None:
    masked = keras.layers.Masking()(keras.Input((5, 6)))
    with pytest.warns(UserWarning, match="does not support masking"):
        MixerBlock(4, 4)(masked)


@pytest.mark.parametrize("value", NO_SIZES)
@pytest.mark.parametrize("name", list(SIZES))
def test_sizes_must_be_positive_integers(name: str, value: object) -> None:
    message = error(MixerBlock, **{**SIZES, name: value})
    assert message == f"{name} must be an integer of at least 1; received {value!r}."


@pytest.mark.parametrize("value", NO_RATES)
@pytest.mark.parametrize("name", ["drop_rate", "drop_path_rate"])
def test_rates_must_be_probabilities_below_one(name: str, value: object) -> None:
    message = error(MixerBlock, **SIZES, **{name: value})
    assert message == f"{name} must be a number from 0 to below 1; received {value!r}."
