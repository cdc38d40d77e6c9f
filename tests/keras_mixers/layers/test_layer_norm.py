from pathlib import Path

import keras
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from keras_mixers.layers import LayerNorm
from tests.helpers.rounding import assert_close, rounding_bound, roundings_in
from tests.keras_mixers.layers.formulas import call, layer_norm, normal, randomize
from tests.keras_mixers.layers.layer_case import PROPERTY, LayerCase, error
from tests.keras_mixers.layers.layer_checks import run_layer_test

CASE = LayerCase(
    LayerNorm,
    {"epsilon": 1e-5},
    input_shape=(2, 5, 6),
    output_shape=(2, 5, 6),
    trainable={"gamma": (6,), "beta": (6,)},
    unknown=((None, 6),),
    masks=True,
)


def test_layer(tmp_path: Path) -> None:
    run_layer_test(CASE, tmp_path)


@PROPERTY
@given(
    shape=st.lists(st.integers(1, 5), min_size=2, max_size=4),
    epsilon=st.sampled_from([1e-6, 1e-5, 1e-3]),
    shift=st.floats(-100, 100),
)
def test_formula(shape: list[int], epsilon: float, shift: float) -> None:
    x = normal(*shape) + shift
    layer = LayerNorm(epsilon, dtype="float64", name="norm")
    layer.build(shape)
    w = {f"norm/{name}": value for name, value in randomize(layer).items()}
    # What the mean leaves of the rounding of x is divided by the deviation, and scaled.
    gain = epsilon**-0.5 * w["norm/gamma"].max()
    bound = rounding_bound(x, roundings_in(layer.weights), gain)
    expected = layer_norm(x, w, "norm", epsilon)
    np.testing.assert_allclose(call(layer, x), expected, rtol=0, atol=bound)


@pytest.mark.parametrize("policy", ["float32", "mixed_float16", "mixed_bfloat16", "float64"])
def test_values_are_those_of_keras(policy: str) -> None:
    ours, theirs = (
        LayerNorm(1e-5, dtype=policy),
        keras.layers.LayerNormalization(epsilon=1e-5, dtype=policy),
    )
    # Keras's layer would not round float32 numbers to half precision first.
    x = keras.ops.cast(normal(4, 32), ours.compute_dtype)
    for layer in (ours, theirs):
        layer.build((None, 32))
        randomize(layer)
    assert_close(ours(x), theirs(x), roundings_in(ours.weights))


def test_large_values_of_half_precision_do_not_overflow() -> None:
    x = np.array([[60000.0, -60000.0]], "float16")  # Their squares are beyond float16.
    assert call(LayerNorm(dtype="mixed_float16"), x).tolist() == [[1.0, -1.0]]


def test_a_constant_input_gives_beta() -> None:
    assert call(LayerNorm(), np.full((2, 4), 7.0)).tolist() == [[0.0] * 4] * 2


def test_last_axis_must_be_known() -> None:
    message = error(LayerNorm(), keras.Input((3, None)))
    assert (
        message == "LayerNorm needs to know the last axis when it is built; received None for it."
    )
