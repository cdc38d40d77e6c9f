"""What holds for the models of all three families."""

import json
from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow as tf

import keras_mixers as km
from tests.helpers.rounding import LAYER_NORM, assert_close, rounding_bound, roundings_in
from tests.helpers.tiny_models import BUILDERS, SHAPE, build

# Families whose default mean and standard deviation are 0.5.
HALVES = ("mlp_mixer", "gmlp", "vit", "vit_average", "deit_distilled")
every_family = pytest.mark.parametrize("name", BUILDERS)

# The second bias of a Mixer's token MLP adds the same number to all channels of a token. Each
# LayerNorm after it subtracts the mean of the channels, and nothing else reads the residual stream.
WITHOUT_INFLUENCE = {
    "mlp_mixer": {f"block_{i}/token_mlp/dense_1/bias" for i in range(2)},
}


def _images(*shape: int) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, shape, "uint8")


def _perturbed(model: keras.Model) -> keras.Model:
    """Move all weights away from their start, since a head of zeros passes nothing on."""
    rng = np.random.default_rng(1)
    for weight in model.trainable_weights:
        weight.assign(weight + 0.02 * rng.standard_normal(weight.shape))
    return model


@pytest.fixture(scope="module")
def models() -> dict[str, keras.Model]:
    """One model of each kind, for tests that do not change it."""
    keras.utils.set_random_seed(0)
    return {name: _perturbed(build(name)) for name in BUILDERS}


@every_family
def test_pixels_of_any_dtype_become_probabilities(
    name: str, models: dict[str, keras.Model]
) -> None:
    model, images = models[name], _images(2, *SHAPE)
    outputs = model.predict(images, verbose=0)
    assert outputs.shape == (2, 5)
    assert_close(outputs.sum(axis=1), np.ones(2), 5)
    for dtype in ("uint8", "float32", "float64"):
        assert_close(model(images.astype(dtype)), outputs, roundings_in(model.weights))


@every_family
def test_preprocessing_is_the_first_layer_and_optional(
    name: str, models: dict[str, keras.Model]
) -> None:
    model, bare = models[name], build(name, include_preprocessing=False)
    bare.set_weights(model.get_weights())
    images = _images(1, *SHAPE)
    mean, std = (
        ((0.5,) * 3, (0.5,) * 3)
        if name in HALVES
        else ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))
    )
    normalised = ((images / 255.0 - mean) / std).astype("float32")
    assert model.layers[1].name == "preprocessing"
    assert_close(model(images), bare(normalised), roundings_in(model.weights))


@every_family
def test_logits_come_without_an_activation(name: str, models: dict[str, keras.Model]) -> None:
    logits = build(name, classifier_activation=None)
    logits.set_weights(models[name].get_weights())
    scores = keras.ops.softmax(logits(_images(2, *SHAPE)))
    assert_close(scores, models[name](_images(2, *SHAPE)), roundings_in(logits.weights))
    assert logits.layers[-1].name == "head"


@every_family
@pytest.mark.parametrize("channels", [1, 4])
def test_other_channels(name: str, channels: int) -> None:
    shape = (*SHAPE[:2], channels)
    assert build(name, input_shape=shape)(_images(2, *shape)).shape == (2, 5)


@every_family
def test_input_tensor(name: str, models: dict[str, keras.Model]) -> None:
    images = keras.Input(SHAPE)
    model = build(name, input_tensor=keras.layers.Rescaling(2.0)(images), input_shape=(1, 1, 1))
    assert model.input_shape == (None, *SHAPE)
    model.set_weights(models[name].get_weights())
    x = _images(1, *SHAPE).astype("float32")
    assert_close(model(x), models[name](2 * x), roundings_in(model.weights))


@every_family
def test_every_parameter_learns(name: str) -> None:
    """Every weight has a gradient, or the network is invariant to it."""
    keras.config.set_dtype_policy("float64")  # Its rounding is far below any gradient.
    model = _perturbed(build(name, classifier_activation=None))
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    with tf.GradientTape() as tape:
        value = loss(np.arange(4), model(_images(4, *SHAPE), training=True))
    gradients = tape.gradient(value, [weight.value for weight in model.trainable_weights])
    sizes = {
        weight.path: np.abs(gradient).max()
        for weight, gradient in zip(model.trainable_weights, gradients, strict=True)
    }
    # Products are added up on the way forwards and on the way back.
    bound = rounding_bound(max(sizes.values()), 2 * roundings_in(model.weights), LAYER_NORM)
    still = {path for path, size in sizes.items() if size <= bound}
    assert still == WITHOUT_INFLUENCE.get(name, set())
    assert min(size for path, size in sizes.items() if path not in still) > 1000 * bound


@every_family
@pytest.mark.parametrize(
    "policy", [pytest.param("mixed_bfloat16", marks=pytest.mark.bfloat16), "mixed_float16"]
)
def test_mixed_precision_takes_a_finite_step(name: str, policy: str) -> None:
    keras.config.set_dtype_policy(policy)
    model = build(name)
    assert model.output.dtype == "float32"
    model.compile(keras.optimizers.AdamW(1e-3), "sparse_categorical_crossentropy", run_eagerly=True)
    loss = model.train_on_batch(_images(4, *SHAPE), np.array([0, 1, 2, 3]))
    assert np.isfinite(loss)
    # float16's loss scaling skips a step with infinite gradients, without counting it.
    assert model.optimizer.iterations == 1
    assert all(np.isfinite(weight).all() for weight in model.get_weights())


@every_family
@pytest.mark.bfloat16
def test_half_precision_agrees_with_float32(name: str, models: dict[str, keras.Model]) -> None:
    keras.config.set_dtype_policy("mixed_bfloat16")
    half = build(name, classifier_activation=None)
    half.set_weights(models[name].get_weights())
    keras.config.set_dtype_policy("float32")
    full = build(name, classifier_activation=None)
    full.set_weights(models[name].get_weights())
    images = _images(2, *SHAPE)
    found, expected = (np.asarray(model(images), "float32") for model in (half, full))
    assert np.any(found != expected)
    # What each layer returns is rounded to bfloat16; sums within a layer are longer numbers.
    one = keras.ops.ones(1, "bfloat16")
    bound = rounding_bound(one, len(full.weights)) * np.abs(expected).max()
    assert np.abs(found - expected).max() <= bound


def test_files_give_the_same_bits(models: dict[str, keras.Model], tmp_path: Path) -> None:
    images = _images(2, *SHAPE)
    for name, model in models.items():
        model.save(tmp_path / "model.keras")
        model.save_weights(tmp_path / "model.weights.h5")
        loaded = keras.models.load_model(tmp_path / "model.keras", safe_mode=True)
        again = build(name)
        again.load_weights(tmp_path / "model.weights.h5")
        for copy in (loaded, again):
            np.testing.assert_array_equal(copy(images), model(images))


@every_family
def test_no_lambda_layers(name: str, models: dict[str, keras.Model]) -> None:
    assert "Lambda" not in json.dumps(models[name].get_config())


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


def test_the_tanh_form_of_gelu_is_another_function() -> None:
    keras.config.set_dtype_policy("float64")
    exact, tanh = (
        build("mlp_mixer", activation=name, include_top=False) for name in ("gelu", "gelu_tanh")
    )
    tanh.set_weights(exact.get_weights())
    images = _images(1, *SHAPE)
    assert 1e-6 < np.abs(exact(images) - tanh(images)).max() < 1e-2


def test_any_keras_activation_and_callable() -> None:
    images = _images(1, *SHAPE)
    by_name = build("conv_mixer", activation="silu")
    by_function = build("conv_mixer", activation=keras.activations.silu)
    by_function.set_weights(by_name.get_weights())
    np.testing.assert_array_equal(by_name(images), by_function(images))
    assert isinstance(km.ConvMixerBlock(3, "silu").get_config()["activation"], str)
