from pathlib import Path

import numpy as np
import pytest

from keras_mixers.layers import LayerScale
from tests.keras_mixers.layers.formulas import call, normal, randomize
from tests.keras_mixers.layers.layer_case import LayerCase, error
from tests.keras_mixers.layers.layer_checks import run_layer_test

CASE = LayerCase(
    LayerScale,
    {"initial_value": 0.125},
    input_shape=(2, 5, 6),
    output_shape=(2, 5, 6),
    trainable={"gamma": (6,)},
    unknown=((None, 6),),
    masks=True,
)


def test_layer(tmp_path: Path) -> None:
    run_layer_test(CASE, tmp_path)


def test_scales_each_channel() -> None:
    layer = CASE.make(dtype="float64")
    x = normal(2, 5, 6)
    np.testing.assert_array_equal(call(layer, x), 0.125 * x)
    w = randomize(layer)
    np.testing.assert_array_equal(call(layer, x), x * w["gamma"])


@pytest.mark.parametrize("value", [0, -1.0, True, "0.1", None, float("nan")])
def test_initial_value_must_be_positive(value: object) -> None:
    message = error(LayerScale, value)
    assert message == f"initial_value must be a number above 0; received {value!r}."
