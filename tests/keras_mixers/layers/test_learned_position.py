from pathlib import Path

import keras
import numpy as np

from keras_mixers.layers import LearnedPosition
from tests.keras_mixers.layers.formulas import call, normal, randomize
from tests.keras_mixers.layers.layer_case import LayerCase, error
from tests.keras_mixers.layers.layer_checks import run_layer_test

CASE = LayerCase(
    LearnedPosition,
    {},
    input_shape=(2, 5, 6),
    output_shape=(2, 5, 6),
    trainable={"table": (1, 5, 6)},
    masks=True,
)


def test_layer(tmp_path: Path) -> None:
    run_layer_test(CASE, tmp_path)


def test_adds_a_vector_for_each_index() -> None:
    layer = CASE.make(dtype="float64")
    table = randomize(layer)["table"]
    x = normal(2, 5, 6)
    np.testing.assert_array_equal(call(layer, x), x + table)


def test_another_number_of_tokens_is_refused() -> None:
    assert "expected axis 1 of input shape to have value 5" in error(CASE.make(), normal(2, 4, 6))
    message = error(LearnedPosition(), keras.Input((None, 6)))
    assert message == (
        "LearnedPosition needs to know the number of tokens when it is built; received None for it."
    )
