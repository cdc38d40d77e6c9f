"""Layers use our gradients in training alone, and all of a model's gradients are the backend's."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from keras_mixers import ConvMixer, MLPMixer, gMLP
from keras_mixers.gradients.use import backend_gradients, gradients_pay
from tests.helpers.rounding import assert_all_close

MODELS = {
    "ConvMixer": lambda **top: ConvMixer(6, 1, 2, 7, input_shape=(12, 8, 3), **top),
    "MLPMixer": lambda **top: MLPMixer(6, 1, 4, input_shape=(12, 8, 3), **top),
    "gMLP": lambda **top: gMLP(6, 1, 4, input_shape=(12, 8, 3), **top),
}
# Each of these in the graph marks the end of a gradient of ours.
OWN = "IdentityN"


def build(name: str) -> keras.Model:
    return MODELS[name](classes=3, classifier_activation=None)


def images() -> np.ndarray:
    return np.random.default_rng(0).uniform(0, 255, (4, 12, 8, 3)).astype("float32")


def gradients(model: keras.Model) -> list:
    with tf.GradientTape() as tape:
        loss = tf.reduce_sum(tf.sin(model(images(), training=True)))
    return tape.gradient(loss, [weight.value for weight in model.trainable_variables])


@pytest.mark.parametrize("name", MODELS)
def test_a_model_has_the_same_gradients(name):
    model = build(name)
    found = gradients(model)
    with backend_gradients():
        expected = gradients(model)
    # Forwards and backwards through the layers, of which the longest sum is over all positions.
    assert_all_close(found, expected, 2 * (48 + 147 + 49 + 4 * 6 + 4 * 24))


def operations(function, **options) -> set[str]:
    graph = tf.function(lambda x: function(x, **options)).get_concrete_function(images()).graph
    return {operation.type for operation in graph.get_operations()}


@pytest.mark.parametrize("name", MODELS)
def test_only_training_has_them(name):
    model = build(name)
    assert OWN in operations(model, training=True)
    assert OWN not in operations(model, training=False)
    assert OWN not in operations(model)


@pytest.mark.parametrize(
    ("training", "backend", "devices", "pays"),
    [
        (True, "tensorflow", ["cpu:0", "cpu:1"], True),
        (False, "tensorflow", ["cpu:0"], False),
        (None, "tensorflow", ["cpu:0"], False),
        (True, "jax", ["cpu:0"], False),
        (True, "torch", ["cpu:0"], False),
        (True, "tensorflow", ["gpu:0"], False),
    ],
)
def test_where_they_pay(monkeypatch, training, backend, devices, pays):
    monkeypatch.setattr(keras.backend, "backend", lambda: backend)
    monkeypatch.setattr(keras.distribution, "list_devices", lambda: devices)
    assert gradients_pay(training) is pays
