"""Batch statistics in one kernel are Keras's own, and so is what they leave in the layer."""

from contextlib import nullcontext

import keras
import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given
from hypothesis import strategies as st
from keras import ops

from keras_mixers.gradients.use import backend_gradients
from keras_mixers.layers.layer_norm import LayerNorm
from keras_mixers.layers.normalization import BATCH_NORM, make_normalization, normalize
from tests.helpers.rounding import assert_all_close
from tests.keras_mixers.layers.layer_case import PROPERTY

KERNEL = "FusedBatchNormV3"
# A channel that hardly varies is divided by sqrt(epsilon).
GAIN = BATCH_NORM["epsilon"] ** -0.5


def built(channels: int, **options: object) -> keras.layers.BatchNormalization:
    norm = make_normalization("batch", "norm", **options)
    norm.build((None, None, None, channels))
    rng = np.random.default_rng(channels)
    norm.set_weights([rng.uniform(0.5, 2, weight.shape) for weight in norm.weights])
    return norm


def maps(*shape: int) -> np.ndarray:
    return np.random.default_rng(0).normal(3, 2, size=shape).astype("float32")


def trained(norm: keras.layers.Layer, inputs: np.ndarray) -> list[np.ndarray]:
    """Return the outputs, their gradients and the moving statistics of a step in training."""
    x, weights = tf.constant(inputs), norm.trainable_variables
    with tf.GradientTape() as tape:
        tape.watch(x)
        outputs = normalize(norm, x, training=True)
        loss = tf.reduce_sum(tf.sin(tf.cast(outputs, "float32")))
    gradients = tape.gradient(loss, [x, *(weight.value for weight in weights)])
    return [*map(ops.convert_to_numpy, (outputs, *gradients, *norm.weights))]


def both(channels: int, inputs: np.ndarray) -> tuple[list, list]:
    """Return what our kernel computes from these, and what Keras does."""
    found = []
    for gradients in (nullcontext, backend_gradients):
        with gradients():
            found.append(trained(built(channels), inputs))
    return found[0], found[1]


SIZES = st.integers(1, 6)


@PROPERTY
@given(batch=SIZES, height=SIZES, width=SIZES, channels=SIZES)
def test_a_step_is_kerass(batch: int, height: int, width: int, channels: int) -> None:
    count = batch * height * width
    found, expected = both(channels, maps(batch, height, width, channels))
    assert_all_close(found, expected, 4 * count + 8, GAIN)


def test_statistics_are_of_all_numbers_rather_than_all_but_one() -> None:
    norm, inputs = built(2), maps(3, 1, 1, 2)
    before = ops.convert_to_numpy(norm.moving_variance)
    normalize(norm, ops.convert_to_tensor(inputs), training=True)
    expected = 0.9 * before + 0.1 * inputs.var(axis=(0, 1, 2))
    assert_all_close([norm.moving_variance], [expected.astype("float32")], 3)


@pytest.mark.parametrize("dtype", ["mixed_bfloat16", "mixed_float16"])
def test_half_precision_is_normalised_in_float32(dtype: str) -> None:
    inputs = maps(4, 5, 3, 2).astype("float16")
    norm = built(2, dtype=dtype)
    outputs = normalize(norm, ops.cast(inputs, norm.compute_dtype), training=True)
    assert outputs.dtype == norm.compute_dtype
    wide = normalize(built(2), ops.cast(ops.cast(inputs, norm.compute_dtype), "float32"), True)
    np.testing.assert_array_equal(outputs, ops.cast(wide, norm.compute_dtype))


def operations(norm: keras.layers.Layer, training: bool, dtype: str = "float32") -> set[str]:
    function = tf.function(lambda x: normalize(norm, x, training))
    graph = function.get_concrete_function(tf.TensorSpec((2, 3, 3, 2), dtype)).graph
    return {operation.type for operation in graph.get_operations()}


def test_the_kernel_is_for_training_alone() -> None:
    assert KERNEL in operations(built(2), training=True)
    assert KERNEL not in operations(built(2), training=False)
    with backend_gradients():
        assert KERNEL not in operations(built(2), training=True)


def test_what_it_cannot_do_is_left_to_keras() -> None:
    frozen, synchronized = built(2), built(2)
    frozen.trainable, synchronized.synchronized = False, True
    assert KERNEL not in operations(frozen, training=True)
    assert KERNEL not in operations(synchronized, training=True)
    assert KERNEL not in operations(built(2, dtype="float64"), training=True, dtype="float64")
    layer = make_normalization("layer", "norm")
    layer.build((None, 3, 3, 2))
    assert isinstance(layer, LayerNorm)
    assert KERNEL not in operations(layer, training=True)


@pytest.mark.parametrize("gradients", [nullcontext, backend_gradients])
def test_frozen_statistics_stay(gradients: type) -> None:
    norm, inputs = built(2), ops.convert_to_tensor(maps(2, 3, 3, 2))
    norm.trainable = False
    before = norm.get_weights()
    with gradients():
        outputs = normalize(norm, inputs, training=True)
    np.testing.assert_array_equal(outputs, normalize(norm, inputs, training=False))
    for weight, other in zip(norm.get_weights(), before, strict=True):
        np.testing.assert_array_equal(weight, other)


def test_second_order() -> None:
    def second(norm: keras.layers.Layer, x: tf.Tensor) -> tf.Tensor:
        with tf.GradientTape() as outer:
            outer.watch(x)
            with tf.GradientTape() as tape:
                tape.watch(x)
                loss = tf.reduce_sum(tf.sin(normalize(norm, x, training=True)))
            gradient = tape.gradient(loss, x)
            total = tf.reduce_sum(gradient**2)
        return outer.gradient(total, x)

    x = tf.constant(maps(4, 3, 3, 2))
    found = second(built(2), x)
    with backend_gradients():
        expected = second(built(2), x)
    assert_all_close([found], [expected], 8 * x.shape[0] * 9)


def test_compiled() -> None:
    x = tf.constant(maps(4, 3, 3, 2))
    norm = built(2)
    expected = normalize(built(2), x, training=True)
    found = tf.function(lambda x: normalize(norm, x, training=True), jit_compile=True)(x)
    assert_all_close([found], [expected], 4 * 36)
