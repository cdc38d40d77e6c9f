from pathlib import Path

import keras
import numpy as np

from keras_mixers.layers import ClassToken
from tests.helpers.draws import check_normal
from tests.keras_mixers.layers.formulas import call, normal, randomize, weights
from tests.keras_mixers.layers.layer_case import LayerCase, error
from tests.keras_mixers.layers.layer_checks import run_layer_test

CASE = LayerCase(
    ClassToken,
    {},
    input_shape=(2, 5, 6),
    output_shape=(2, 6, 6),
    trainable={"token": (1, 1, 6)},
    unknown=((None, 6),),
    masks=True,
)


def test_layer(tmp_path: Path) -> None:
    run_layer_test(CASE, tmp_path)


def test_puts_one_token_before_the_others() -> None:
    layer = CASE.make(dtype="float64")
    token = randomize(layer)["token"][0, 0]
    x = normal(2, 5, 6)
    y = call(layer, x)
    np.testing.assert_array_equal(y[:, 1:], x)
    np.testing.assert_array_equal(y[:, 0], [token, token])


def test_a_broken_token_does_not_reach_the_class_token() -> None:
    layer = CASE.make()
    y = call(layer, np.full((1, 5, 6), np.nan))
    assert np.all(np.isfinite(y[:, 0]))


def test_class_token_is_never_masked() -> None:
    x = normal(2, 3, 6)
    mask = np.array([[True, False, True], [False, False, False]])
    expected = [[True, True, False, True], [True, False, False, False]]
    layer = ClassToken()
    for given in (mask, mask.astype("float32"), mask.astype("int32")):
        assert np.array(layer.compute_mask(x, given)).tolist() == expected
    assert layer.compute_mask(x) is None


def test_initial_token_is_that_of_t2t_vit() -> None:
    layer = ClassToken()
    layer.build((None, 5, 10000))
    token = weights(layer)["token"]
    check_normal(token, 0.02)


def test_tokens_need_three_axes_and_known_channels() -> None:
    message = error(ClassToken(), np.ones((2, 6)))
    assert message == "ClassToken expects an input (B, N, C); received shape (2, 6)."
    message = error(ClassToken(), keras.Input((4, None)))
    assert (
        message == "ClassToken needs to know the channels when it is built; received None for it."
    )
