"""What holds for the models of all three families."""

import json
import os
import subprocess
import sys
from pathlib import Path

import keras
import numpy as np
import pytest

import keras_mixers as km
from tests.helpers.tiny_models import BUILDERS, SHAPE, build

every_family = pytest.mark.parametrize("name", BUILDERS)


def _images(*shape: int) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, shape, "uint8")


@every_family
def test_pixels_of_any_dtype_become_probabilities(name: str) -> None:
    model = build(name)
    images = _images(2, *SHAPE)
    outputs = model.predict(images, verbose=0)
    assert outputs.shape == (2, 5)
    np.testing.assert_allclose(outputs.sum(axis=1), 1, rtol=1e-6)
    np.testing.assert_array_equal(outputs, model.predict(images.astype("float32"), verbose=0))


@every_family
def test_preprocessing_is_the_first_layer_and_optional(name: str) -> None:
    model, bare = build(name), build(name, include_preprocessing=False)
    bare.set_weights(model.get_weights())
    images = _images(1, *SHAPE)
    mean, std = (
        ((0.5,) * 3, (0.5,) * 3)
        if name == "mlp_mixer"
        else ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))
    )
    normalised = ((images / 255.0 - mean) / std).astype("float32")
    assert model.layers[1].name == "preprocessing"
    np.testing.assert_allclose(
        model.predict(images, verbose=0), bare.predict(normalised, verbose=0), atol=2e-6
    )


@every_family
def test_logits_come_without_an_activation(name: str) -> None:
    model = build(name)
    logits = build(name, classifier_activation=None)
    logits.set_weights(model.get_weights())
    scores = logits.predict(_images(2, *SHAPE), verbose=0)
    np.testing.assert_allclose(
        keras.ops.softmax(scores), model.predict(_images(2, *SHAPE), verbose=0), rtol=1e-5
    )
    assert logits.layers[-1].name == "head"


@every_family
@pytest.mark.parametrize("channels", [1, 4])
def test_other_channels(name: str, channels: int) -> None:
    shape = (*SHAPE[:2], channels)
    assert build(name, input_shape=shape).predict(_images(2, *shape), verbose=0).shape == (2, 5)


@every_family
def test_input_tensor(name: str) -> None:
    images = keras.Input(SHAPE)
    model = build(name, input_tensor=keras.layers.Rescaling(2.0)(images), input_shape=(1, 1, 1))
    assert model.input_shape == (None, *SHAPE)
    plain = build(name)
    plain.set_weights(model.get_weights())
    x = _images(1, *SHAPE).astype("float32")
    np.testing.assert_allclose(model(x), plain(2 * x), atol=1e-6)


@every_family
def test_every_parameter_learns(name: str) -> None:
    """One step moves every trainable weight (a zero head would keep back all before it)."""
    model = build(name, classifier_activation=None)
    # Heads of zeros and attention that is flat to the last bit pass nothing on: start elsewhere.
    rng = np.random.default_rng(1)
    for weight in model.trainable_weights:
        weight.assign(weight + 0.02 * rng.standard_normal(weight.shape))
    before = [np.array(weight) for weight in model.trainable_weights]
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(keras.optimizers.SGD(1.0), loss)
    model.train_on_batch(_images(4, *SHAPE), np.array([0, 1, 2, 3]))
    unmoved = [
        weight.path
        for weight, old in zip(model.trainable_weights, before, strict=True)
        if np.array_equal(weight, old)
    ]
    assert unmoved == []


@every_family
@pytest.mark.parametrize(
    "policy", [pytest.param("mixed_bfloat16", marks=pytest.mark.slow), "mixed_float16"]
)
def test_mixed_precision_takes_a_finite_step(name: str, policy: str) -> None:
    keras.config.set_dtype_policy(policy)
    model = build(name)
    assert model.output.dtype == "float32"
    model.compile(keras.optimizers.AdamW(1e-3), "sparse_categorical_crossentropy")
    loss = model.train_on_batch(_images(4, *SHAPE), np.array([0, 1, 2, 3]))
    assert np.isfinite(loss)
    # float16's loss scale would skip a step with infinite gradients, and count it not.
    assert model.optimizer.iterations == 1
    assert all(np.isfinite(weight).all() for weight in model.get_weights())


@every_family
def test_half_precision_agrees_with_float32(name: str) -> None:
    model = build(name, classifier_activation=None)
    if name == "mlp_mixer":  # its head starts at zero
        model.get_layer("head").kernel.assign(np.random.default_rng(0).normal(size=(8, 5)))
    keras.config.set_dtype_policy("mixed_bfloat16")
    half = build(name, classifier_activation=None)
    half.set_weights(model.get_weights())
    expected = model.predict(_images(2, *SHAPE), verbose=0)
    error = np.abs(half.predict(_images(2, *SHAPE), verbose=0) - expected).max()
    # bfloat16 keeps 8 bits: some 2 % after a dozen layers, and never nothing.
    assert 0 < error < 0.1 * np.abs(expected).max()


def test_saved_models_give_the_same_bits_in_another_process(tmp_path: Path) -> None:
    models = {name: build(name) for name in BUILDERS}
    images = _images(2, *SHAPE)
    for name, model in models.items():
        model.save(tmp_path / f"{name}.keras")
        model.save_weights(tmp_path / f"{name}.weights.h5")
    np.savez(tmp_path / "images.npz", images=images)
    code = """
import numpy as np, keras, keras_mixers
from tests.helpers.tiny_models import BUILDERS, build
images = np.load("images.npz")["images"]
outputs = {}
for name in BUILDERS:
    model = keras.models.load_model(f"{name}.keras", safe_mode=True)
    again = build(name)
    again.load_weights(f"{name}.weights.h5")
    outputs[f"{name} model"] = model.predict(images, verbose=0)
    outputs[f"{name} again"] = again.predict(images, verbose=0)
np.savez("outputs.npz", **outputs)
"""
    root = str(Path(__file__).parents[3])
    environment = {**os.environ, "PYTHONPATH": root}
    subprocess.run([sys.executable, "-c", code], cwd=tmp_path, check=True, env=environment)
    outputs = np.load(tmp_path / "outputs.npz")
    for name, model in models.items():
        expected = model.predict(images, verbose=0)
        np.testing.assert_array_equal(outputs[f"{name} model"], expected)
        np.testing.assert_array_equal(outputs[f"{name} again"], expected)


@every_family
def test_no_lambda_layers(name: str) -> None:
    assert "Lambda" not in json.dumps(build(name).get_config())


@every_family
def test_same_seed_same_weights(name: str) -> None:
    first = build(name).get_weights()
    keras.utils.set_random_seed(0)
    for a, b in zip(first, build(name).get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)


def test_dropout_and_drop_path_reach_the_blocks() -> None:
    for builder in ("mlp_mixer", "t2t_vit_performer"):
        model = build(builder, drop_rate=0.2, drop_path_rate=0.3)
        blocks = [model.get_layer(f"block_{i}") for i in range(2)]
        assert [block.drop_path_rate for block in blocks] == [0.0, 0.3]
        assert [block.drop_rate for block in blocks] == [0.2, 0.2]
        images = _images(1, *SHAPE)
        np.testing.assert_array_equal(model(images), model(images, training=False))
    assert np.abs(model(images, training=True) - model(images, training=True)).max() > 0


def test_classes_and_activation_of_google() -> None:
    exact, tanh = (
        build("mlp_mixer", activation=name, include_top=False) for name in ("gelu", "gelu_tanh")
    )
    tanh.set_weights(exact.get_weights())
    images = _images(1, *SHAPE)
    difference = np.abs(exact.predict(images, verbose=0) - tanh.predict(images, verbose=0)).max()
    assert 1e-6 < difference < 1e-2


def test_any_keras_activation_and_callable() -> None:
    images = _images(1, *SHAPE)
    by_name = build("conv_mixer", activation="silu")
    by_function = build("conv_mixer", activation=keras.activations.silu)
    by_function.set_weights(by_name.get_weights())
    np.testing.assert_array_equal(by_name(images), by_function(images))
    assert isinstance(km.ConvMixerBlock(3, "silu").get_config()["activation"], str)
