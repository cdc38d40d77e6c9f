import math
from pathlib import Path

import keras
import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from keras_mixers.layers import SinusoidalPosition
from tests.helpers.rounding import rounding_bound
from tests.keras_mixers.layers.formulas import call, normal, weights
from tests.keras_mixers.layers.layer_case import PROPERTY, LayerCase, error
from tests.keras_mixers.layers.layer_checks import run_layer_test

CASE = LayerCase(
    SinusoidalPosition,
    {},
    input_shape=(2, 5, 6),
    output_shape=(2, 5, 6),
    fixed={"table": (1, 5, 6)},
    masks=True,
)


def position(index: int, channel: int, channels: int) -> float:
    angle = index / 10000 ** (2 * (channel // 2) / channels)
    return math.cos(angle) if channel % 2 else math.sin(angle)


def test_layer(tmp_path: Path) -> None:
    run_layer_test(CASE, tmp_path)


@PROPERTY
@given(tokens=st.integers(1, 40), channels=st.integers(1, 9))
def test_adds_sines_and_cosines(tokens: int, channels: int) -> None:
    x = normal(2, tokens, channels)
    table = [[position(i, j, channels) for j in range(channels)] for i in range(tokens)]
    found = call(SinusoidalPosition(dtype="float64"), x)
    # The angle, of at most `tokens`, is rounded three times before its sine is taken.
    bound = rounding_bound(np.float64(tokens), 3) + rounding_bound(found, 2)
    np.testing.assert_allclose(found, x + np.array(table), rtol=0, atol=bound)


def test_the_table_is_rounded_once() -> None:
    layer = SinusoidalPosition()
    layer.build((None, 577, 48))  # 384 x 384 pixels and a class token.
    expected = np.array([[position(i, j, 48) for j in range(48)] for i in range(577)])
    # To the nearest float32, but where float64's own rounding decides between two.
    half = np.spacing(np.abs(expected).astype("float32")).astype("float64") / 2
    found = weights(layer)["table"][0]
    assert np.all(np.abs(found - expected) <= half + rounding_bound(np.float64(577), 3))


def test_another_size_at_call_names_both() -> None:
    layer = SinusoidalPosition()
    layer.build((None, 5, 6))
    message = error(layer, np.ones((1, 7, 6)))
    assert "expected axis 1 of input shape to have value 5" in message
    assert "received input with shape (1, 7, 6)" in message


def test_size_must_be_known() -> None:
    message = error(SinusoidalPosition(), keras.Input((None, 6)))
    assert message == (
        "SinusoidalPosition needs to know the number of tokens when it is built; received None for "
        "it."
    )
    message = error(SinusoidalPosition(), keras.Input((5, None)))
    assert message.startswith("SinusoidalPosition needs to know the channels when it is built;")
    message = error(SinusoidalPosition(), np.ones((2, 6)))
    assert message == "SinusoidalPosition expects an input (B, N, C); received shape (2, 6)."
