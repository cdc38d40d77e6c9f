import math
from pathlib import Path

import keras
import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from keras_mixers.layers import SinusoidalPosition
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
    np.testing.assert_allclose(found, x + np.array(table), atol=1e-13)


def test_the_table_is_rounded_once() -> None:
    layer = SinusoidalPosition()
    layer.build((None, 577, 48))  # 384 x 384 pixels and a class token.
    expected = [[position(i, j, 48) for j in range(48)] for i in range(577)]
    np.testing.assert_array_equal(weights(layer)["table"][0], np.float32(expected))


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
