from pathlib import Path

import keras
import numpy as np

from keras_mixers.layers import Affine
from tests.helpers.rounding import assert_close
from tests.keras_mixers.layers.formulas import call, normal, randomize
from tests.keras_mixers.layers.layer_case import LayerCase, error
from tests.keras_mixers.layers.layer_checks import run_layer_test

CASE = LayerCase(
    Affine,
    {},
    input_shape=(2, 5, 6),
    output_shape=(2, 5, 6),
    trainable={"alpha": (6,), "beta": (6,)},
    unknown=((None, 6),),
    masks=True,
)


def test_layer(tmp_path: Path) -> None:
    run_layer_test(CASE, tmp_path)


def test_formula_of_the_paper() -> None:
    layer = CASE.make(dtype="float64")
    x = normal(2, 5, 6)
    np.testing.assert_array_equal(call(layer, x), x)  # It starts as the identity.
    w = randomize(layer)
    assert_close(call(layer, x), w["alpha"] * x + w["beta"], 2)


def test_channels_must_be_known() -> None:
    message = error(Affine(), keras.Input((4, None)))
    assert message == "Affine needs to know the last axis when it is built; received None for it."
