import keras
import pytest
import tensorflow as tf

from keras_mixers import MLPMixer
from training.loop.memory_estimate import Memory, estimate_memory, peak_bytes
from training.loop.mixed_precision import precision_scope
from training.loop.rematerialisation import rematerialise_blocks
from training.loop.trainer import Trainer
from training.optimizer import SGD, AdamW


def compiled(model, optimizer, accumulate=1):
    trained = Trainer(model, accumulate)
    trained.compile(optimizer, "categorical_crossentropy")
    trained.optimizer.build(trained.trainable_variables)
    return trained


def test_a_chain_of_operations():
    @tf.function
    def f(x):  # Given from outside.
        a = tf.exp(x)  # 400
        b = tf.exp(a)  # 800; from here on, a is needed no more.
        c = tf.reshape(b, (10, 10))  # The same memory.
        d = tf.tile(c, (3, 1))  # 400 + 1200
        return tf.reduce_sum(tf.reshape(d, (300,)))  # 1200 + 4

    # What is constant costs nothing: the shapes and axes of these operations.
    assert peak_bytes(f.get_concrete_function(tf.TensorSpec((100,))).graph) == 1600


def test_what_the_backward_pass_needs_is_kept():
    @tf.function
    def f(x):
        with tf.GradientTape() as tape:
            tape.watch(x)
            y = x
            for _ in range(10):
                y = tf.exp(y)  # Each result is its own derivative, and kept.
            y = tf.reduce_sum(y)
        return tape.gradient(y, x)

    # Ten results of 4 kB; in the end the gradient, the product to come, and small change.
    found = peak_bytes(f.get_concrete_function(tf.TensorSpec((1000,))).graph)
    assert 11 * 4000 <= found <= 12 * 4000 + 100


def test_weights_and_optimizer_by_hand():
    inputs = keras.Input((3,))
    model = keras.Model(inputs, keras.layers.Dense(5)(inputs))
    weights = 4 * (3 * 5 + 5)
    slots = estimate_memory(compiled(model, AdamW()), 8).optimizer
    # Two moments; the step as an int64 or int32, and perhaps the learning rate.
    assert 2 * weights < slots <= 2 * weights + 12
    average = estimate_memory(compiled(model, AdamW(use_ema=True)), 8).optimizer
    assert average == slots + weights
    assert estimate_memory(compiled(model, SGD(momentum=0.9)), 8).optimizer == slots - weights
    assert estimate_memory(compiled(model, SGD()), 8).weights == weights


def test_a_step_by_hand():
    inputs = keras.Input((1000,))
    x = keras.layers.Dense(1000, activation="relu", use_bias=False)(inputs)
    model = keras.Model(inputs, keras.layers.Dense(1000, use_bias=False)(x))
    step = estimate_memory(compiled(model, SGD()), batch_size=1).step
    # Two gradients of a million weights, and vectors of a thousand numbers.
    assert 8e6 <= step <= 8.1e6


def test_activations_grow_with_the_batch_and_shrink_with_parts_remat_and_precision():
    def step(batch_size=256, accumulate=1, remat=False, precision="float32"):
        with precision_scope(precision):
            model = MLPMixer(8, 2, 4, input_shape=(16, 16, 3), classes=7)
            sums.append(4 * model.count_params())
            model = rematerialise_blocks(model) if remat else model
            return estimate_memory(compiled(model, SGD(), accumulate), batch_size).step

    sums = []
    whole = step()
    half = step(128)
    # What does not grow with the batch are gradients, and small change.
    assert whole == pytest.approx(2 * half, rel=0.01)
    # A part takes what a batch of its size takes, and the sums of gradients are added.
    assert step(256, accumulate=2) == half + sums[0]
    assert step(remat=True) < 0.75 * whole
    assert step(precision="bfloat16") < 0.8 * whole


def test_as_text():
    memory = Memory(weights=4_000_000, optimizer=8_000_000, step=3_100_000_000)
    assert memory.total == 3_112_000_000
    assert str(memory) == (
        "about 3.1 GB of device memory: weights 4.0 MB, optimizer 8.0 MB, step 3.1 GB"
    )
