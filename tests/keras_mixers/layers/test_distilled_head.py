from pathlib import Path

import keras
import pytest

from keras_mixers.layers import DistilledHead
from tests.helpers.rounding import assert_close, roundings_in
from tests.keras_mixers.layers.formulas import call, dense, normal, randomize
from tests.keras_mixers.layers.layer_case import NO_SIZES, LayerCase, error
from tests.keras_mixers.layers.layer_checks import run_layer_test

CASE = LayerCase(
    DistilledHead,
    {"units": 5},
    input_shape=(4, 6),
    output_shape=(4, 5),
    trainable={
        "class_head/kernel": (3, 5),
        "class_head/bias": (5,),
        "distillation_head/kernel": (3, 5),
        "distillation_head/bias": (5,),
    },
)


def test_layer(tmp_path: Path) -> None:
    run_layer_test(CASE, tmp_path)


def test_averages_the_logits_of_both_heads() -> None:
    layer = CASE.make(dtype="float64")
    w, x = randomize(layer), normal(4, 6)
    wanted = dense(x[:, :3], w, "class_head") + dense(x[:, 3:], w, "distillation_head")
    assert_close(call(layer, x), wanted / 2, roundings_in(layer.weights))


def test_features_must_be_those_of_two_tokens() -> None:
    message = error(DistilledHead(5), keras.Input((7,)))
    assert message == (
        "DistilledHead expects the features of two tokens, an even number of channels; received 7."
    )


@pytest.mark.parametrize("value", NO_SIZES)
def test_units_must_be_a_positive_integer(value: object) -> None:
    message = error(DistilledHead, value)
    assert message == f"units must be an integer of at least 1; received {value!r}."
