"""Our gradients are the backend's, whatever the shapes, and however they are computed."""

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given
from hypothesis import strategies as st
from keras import ops

from keras_mixers.gradients.correlation import correlate, correlation_pays
from tests.helpers.backend_gradients import (
    PAIRS,
    Pair,
    conv_pair,
    depthwise_pair,
    draw,
    gradients,
)
from tests.helpers.rounding import assert_all_close
from tests.keras_mixers.layers.layer_case import PROPERTY

SIZES = st.integers(1, 9)
# Of the derivative of an activation: a polynomial, and an exponential that has about as many.
ACTIVATION = 32
# By how much the derivative of GELU's tanh form enlarges an error of tanh: x times the slope of
# tanh's argument, where tanh comes to be 1.
TANH = 16


def check(pair: Pair, arrays: list[np.ndarray], roundings: int) -> None:
    found, expected = (gradients(function, arrays) for function in pair[:2])
    np.testing.assert_array_equal(found[0], expected[0])  # The values are the operation's own.
    assert_all_close(found[1:], expected[1:], roundings)


def roundings_of_depthwise(batch: int, height: int, width: int, kernel_size: int) -> int:
    """Two transforms and their inverse, the sum over images, and the convolution's own sum."""
    transforms = 3 * (height + width + kernel_size)
    return transforms + batch + batch * height * width + kernel_size**2


@PROPERTY
@given(batch=SIZES, height=SIZES, width=SIZES, channels=SIZES, half=st.integers(0, 5))
def test_depthwise(batch, height, width, channels, half):
    size = 2 * half + 1
    pair = depthwise_pair(batch, height, width, channels, size)
    check(pair, draw(pair), roundings_of_depthwise(batch, height, width, size))


@PROPERTY
@given(batch=SIZES, height=SIZES, width=SIZES, channels=SIZES, filters=SIZES)
def test_pointwise(batch, height, width, channels, filters):
    shapes = (batch, height, width, channels), (1, 1, channels, filters)
    pair = conv_pair(PAIRS["pointwise"].own, ops.conv, *shapes)
    check(pair, draw(pair), batch * height * width + channels + filters)


@pytest.mark.parametrize(("name", "gain"), [("gelu", 1.0), ("gelu_tanh", TANH)])
def test_activations(name, gain):
    arrays = [np.linspace(-12, 12, 1001, dtype="float32")]
    found, expected = (gradients(function, arrays) for function in PAIRS[name][:2])
    assert_all_close(found[:1], expected[:1], ACTIVATION)  # XLA has another erf and tanh.
    assert_all_close(found[1:], expected[1:], ACTIVATION, gain)


@pytest.mark.parametrize("name", PAIRS)
def test_finite_differences(name):
    """In float64, where a step of 1e-6 leaves ten digits to a central difference."""
    function, _, _ = PAIRS[name]
    arrays = draw(PAIRS[name], dtype="float64")
    directions = draw(PAIRS[name], seed=2, dtype="float64")
    output, *found = gradients(function, arrays)
    weights = np.random.default_rng(1).normal(size=output.shape)

    def moved(step: float) -> float:
        inputs = (a + step * d for a, d in zip(arrays, directions, strict=True))
        return np.sum(np.asarray(function(*map(tf.constant, inputs))) * weights)

    slope = sum(np.sum(g * d) for g, d in zip(found, directions, strict=True))
    assert abs((moved(1e-6) - moved(-1e-6)) / 2e-6 - slope) < 1e-7 * np.abs(output).sum()


@pytest.mark.parametrize("name", PAIRS)
def test_second_order(name):
    pair = PAIRS[name]
    arrays = draw(pair)

    def sum_of_gradients(function):
        def of(*inputs):
            with tf.GradientTape() as tape:
                tape.watch(inputs)
                output = tf.reduce_sum(function(*inputs) ** 2)
            return sum(tf.reduce_sum(g) for g in tape.gradient(output, inputs))

        return of

    found, expected = (gradients(sum_of_gradients(function), arrays) for function in pair[:2])
    # Forwards, backwards, and both once more, with a sum over all that the gradients are of.
    roundings = 4 * roundings_of_depthwise(2, 6, 9, 7) + sum(array.size for array in arrays)
    assert_all_close(found, expected, roundings)


@pytest.mark.parametrize("name", PAIRS)
def test_compiled(name):
    pair = PAIRS[name]
    arrays = draw(pair)
    compiled = tf.function(lambda *inputs: gradients_of_sum(pair.own, inputs), jit_compile=True)
    found = compiled(*map(tf.constant, arrays))
    expected = gradients_of_sum(pair.backends, [tf.constant(array) for array in arrays])
    assert_all_close(found, expected, roundings_of_depthwise(2, 6, 9, 7) + ACTIVATION)


def gradients_of_sum(function, inputs):
    with tf.GradientTape() as tape:
        tape.watch(inputs)
        output = tf.reduce_sum(tf.sin(function(*inputs)))
    return tape.gradient(output, inputs)


def test_what_the_inputs_alone_decide_waits_for_the_backward_pass():
    """Else a graph computes the transforms of all layers in the forward pass, and keeps them."""

    def gradient(x, kernel, upstream):
        with tf.GradientTape() as tape:
            tape.watch(kernel)
            output = PAIRS["depthwise"].own(x, kernel)
        return tape.gradient(output, kernel, output_gradients=upstream)

    x, kernel = map(tf.constant, draw(PAIRS["depthwise"]))
    graph = tf.function(gradient).get_concrete_function(x, kernel, tf.identity(x)).graph
    *_, upstream = graph.inputs
    waiting = {upstream.op}
    for operation in graph.get_operations():  # Each after all that it needs.
        needed = {*operation.control_inputs, *(tensor.op for tensor in operation.inputs)}
        if needed & waiting:
            waiting.add(operation)
    products = {o for o in graph.get_operations() if "MatMul" in o.type}
    assert products
    assert products <= waiting


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
def test_half_precision_is_summed_in_float32(dtype):
    maps = ops.cast(draw(depthwise_pair(8, 16, 16, 2, 7))[0], dtype)
    found = correlate(maps, maps, 7)
    assert found.dtype == dtype
    expected = ops.cast(correlate(ops.cast(maps, "float32"), ops.cast(maps, "float32"), 7), dtype)
    np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize(
    ("height", "width", "kernel_size", "pays"),
    [
        (16, 16, 9, True),
        (32, 32, 7, True),
        (32, 32, 9, True),
        (16, 16, 5, False),
        (16, 16, 8, False),
        (64, 64, 7, False),
        (None, 16, 9, False),
        (16, None, 9, False),
    ],
)
def test_where_correlation_pays(height, width, kernel_size, pays):
    assert correlation_pays(height, width, kernel_size) is pays
