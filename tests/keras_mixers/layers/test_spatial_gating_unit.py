from pathlib import Path

import keras
import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from keras_mixers.layers import SpatialGatingUnit
from tests.helpers.rounding import LAYER_NORM, assert_close, roundings_in
from tests.keras_mixers.layers.formulas import call, dense, layer_norm, normal, randomize
from tests.keras_mixers.layers.layer_case import PROPERTY, LayerCase, error
from tests.keras_mixers.layers.layer_checks import run_layer_test

CASE = LayerCase(
    SpatialGatingUnit,
    {},
    input_shape=(4, 5, 6),
    output_shape=(4, 5, 3),
    trainable={
        "norm/gamma": (3,),
        "norm/beta": (3,),
        "token_dense/kernel": (5, 5),
        "token_dense/bias": (5,),
    },
)


def test_layer(tmp_path: Path) -> None:
    run_layer_test(CASE, tmp_path)


@PROPERTY
@given(shape=st.tuples(st.integers(1, 3), st.integers(1, 6), st.integers(1, 6)))
def test_formula_of_the_paper(shape: tuple[int, int, int]) -> None:
    batch, tokens, channels = shape
    x = normal(batch, tokens, 2 * channels)
    layer = SpatialGatingUnit(dtype="float64")
    layer.build(x.shape)
    w = randomize(layer)
    u, v = np.split(x, 2, axis=-1)
    gate = dense(layer_norm(v, w, "norm", 1e-5).swapaxes(1, 2), w, "token_dense").swapaxes(1, 2)
    assert_close(call(layer, x), u * gate, roundings_in(layer.weights), LAYER_NORM)


def test_starts_by_passing_the_first_half_through() -> None:
    layer = CASE.make(dtype="float64")
    x = normal(4, 5, 6)
    # Weights of 1e-6 and normalised values: 5 of them add up to less than 1e-4.
    np.testing.assert_allclose(call(layer, x), x[..., :3], rtol=1e-4)


def test_channels_must_be_even() -> None:
    message = error(SpatialGatingUnit(), keras.Input((5, 7)))
    assert message == "SpatialGatingUnit needs an even number of channels; received 7."
