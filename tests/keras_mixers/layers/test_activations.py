import math
from collections.abc import Callable
from functools import partial

import keras
import numpy as np
import pytest
import tensorflow as tf

from keras_mixers.layers import (
    MLP,
    ConvMixerBlock,
    MixerBlock,
    TransformerBlock,
    gelu,
    gelu_tanh,
)
from keras_mixers.layers.activations import get_activation, serialize_activation
from tests.helpers.rounding import assert_close
from tests.keras_mixers.layers.layer_case import error

X = np.linspace(-8, 8, 641)
GELU = 5  # Its operations, each of which rounds.


def exact(x: float) -> float:
    return x / 2 * (1 + math.erf(x / math.sqrt(2)))


def approximate(x: float) -> float:
    return x / 2 * (1 + math.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x**3)))


@pytest.mark.parametrize(
    ("function", "formula", "dtype"),
    [
        (gelu, exact, "float64"),
        (gelu, exact, "float32"),
        # In float64 too, TensorFlow rounds the 0.044715 of the tanh form to float32.
        (gelu_tanh, approximate, "float32"),
    ],
)
def test_values(function: Callable, formula: Callable[[float], float], dtype: str) -> None:
    x = keras.ops.convert_to_tensor(X, dtype)
    expected = [formula(value) for value in X]
    assert_close(function(x), np.array(expected), GELU)


def test_gelu_has_the_values_of_keras() -> None:
    x = keras.ops.convert_to_tensor(X, "float32")
    assert_close(gelu(x), keras.activations.gelu(x), GELU)


def test_gradient_of_gelu() -> None:
    x = tf.constant(X)
    with tf.GradientTape() as tape:
        tape.watch(x)
        y = gelu(x)
    bell = np.exp(-(X**2) / 2) / math.sqrt(2 * math.pi)
    below = [(1 + math.erf(value / math.sqrt(2))) / 2 for value in X]
    assert_close(tape.gradient(y, x), below + X * bell, 2 * GELU)


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
def test_half_precision_stays_so(dtype: str) -> None:
    x = keras.ops.convert_to_tensor(X, dtype)
    y = gelu(x)
    assert keras.backend.standardize_dtype(y.dtype) == dtype
    y = keras.ops.cast(y, "float64")
    expected = [exact(value) for value in np.asarray(keras.ops.cast(x, "float64"))]
    # A rounding in each of the five operations, where 1 + erf is around 1.
    step = {"float16": 2.0**-10, "bfloat16": 2.0**-7}[dtype]
    assert np.all(np.abs(y - expected) <= 3 * step * np.maximum(1, np.abs(X)))


@pytest.mark.parametrize("name", ["gelu", "gelu_tanh", "relu", "silu", "tanh"])
def test_names_go_round(name: str) -> None:
    function = get_activation(name)
    assert function.__name__ == name
    assert serialize_activation(function) == name
    assert get_activation(function) is function


def test_gelu_by_name_is_ours_and_not_the_one_of_keras() -> None:
    assert get_activation("gelu") is gelu
    assert get_activation("gelu") is not keras.activations.gelu


@keras.saving.register_keras_serializable(package="test_activations")
def double(x: keras.KerasTensor) -> keras.KerasTensor:
    return 2 * x


def test_a_registered_function_survives_the_config_of_a_layer() -> None:
    layer = ConvMixerBlock(3, activation=double)
    assert layer.activation is double
    copy = keras.saving.deserialize_keras_object(keras.saving.serialize_keras_object(layer))
    assert copy.activation is double
    assert ConvMixerBlock.from_config(layer.get_config()).activation is double


@pytest.mark.parametrize("value", ["glu2", "", None, 3, ["relu"]])
@pytest.mark.parametrize("layer", [ConvMixerBlock, MLP, partial(MixerBlock, 4), TransformerBlock])
def test_unknown_activation(layer: Callable, value: object) -> None:
    assert error(layer, 3, activation=value) == (
        "activation must be 'gelu', 'gelu_tanh', the name of a Keras activation such as 'relu', "
        f"or a callable; received {value!r}."
    )
