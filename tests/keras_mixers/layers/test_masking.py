"""Masks through several layers, as a user meets them."""

from functools import partial

import keras
import numpy as np
import pytest

from keras_mixers import layers
from tests.helpers.rounding import LAYER_NORM, assert_close, roundings_in
from tests.keras_mixers.layers.formulas import call, normal, randomize


@pytest.mark.parametrize("mixer", [layers.TokenTransformer, layers.TokenPerformer])
def test_padded_tokens_change_nothing(mixer: type[keras.layers.Layer]) -> None:
    keras.config.set_dtype_policy("float64")
    inputs = keras.Input((None, 6), dtype="float64")
    x = keras.layers.Masking()(inputs)
    x = mixer(8, name="token_mixer")(x)
    x = layers.ClassToken()(x)
    x = layers.TransformerBlock(2, drop_path_rate=0.1)(x)
    x = layers.MLP(4)(layers.LayerNorm()(x))
    model = keras.Model(inputs, keras.layers.GlobalAveragePooling1D()(x))
    randomize(model)
    same = partial(assert_close, roundings=roundings_in(model.weights), gain=LAYER_NORM)
    x = normal(2, 5, 6)
    padded = np.concatenate([x, np.zeros((2, 3, 6))], axis=1)
    same(call(model, padded), call(model, x))
    ragged = padded.copy()
    ragged[1, 2:] = 0
    same(call(model, ragged)[0], call(model, x)[0])
    same(call(model, ragged)[1], call(model, x[1:, :2])[0])
    assert np.abs(call(model, ragged)[1] - call(model, x)[1]).max() > 0.01


def test_the_mask_goes_through_the_whole_chain() -> None:
    x = keras.layers.Masking()(keras.Input((5, 6)))
    assert layers.DropPath(0.1)(layers.SinusoidalPosition()(x))._keras_mask.shape == (None, 5)
    x = layers.SinusoidalPosition()(layers.ClassToken()(layers.TokenPerformer(8)(x)))
    assert x._keras_mask.shape == (None, 6)
