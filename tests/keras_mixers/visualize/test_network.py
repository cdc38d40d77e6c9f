"""Models taken apart into their layers."""

import keras
import numpy as np
import pytest

from keras_mixers.layers import PatchEmbed
from keras_mixers.visualize import feature_maps
from keras_mixers.visualize.network import find_layers, take_apart
from tests.helpers.explained import IMAGES, nested, network, own_sequence
from tests.helpers.tiny_models import BUILDERS, build


@pytest.mark.parametrize("name", BUILDERS)
def test_the_layers_give_the_outputs_of_the_model(name: str) -> None:
    model = network(name)
    parts = take_apart(model)
    assert [block.layer.name for block in parts.blocks()] == ["block_0", "block_1"]
    outputs = [parts.blocks()[1].output, parts.calls[-1].output]
    block, scores = parts.compute(outputs, IMAGES)
    np.testing.assert_array_equal(scores, model(IMAGES))
    expected = keras.Model(model.input, model.get_layer("block_1").output)(IMAGES)
    np.testing.assert_array_equal(block, expected)


def test_a_model_in_a_model_is_taken_apart_too() -> None:
    model = nested()
    parts = take_apart(model)
    assert [block.layer.name for block in parts.blocks()] == ["block_0", "block_1"]
    (scores,) = parts.compute([parts.calls[-1].output], IMAGES)
    np.testing.assert_array_equal(scores, model(IMAGES))
    assert [layer.name for layer in find_layers(model, PatchEmbed)] == ["patch_embed"]


def test_a_sequence_with_names_of_its_own() -> None:
    model = own_sequence()
    parts = take_apart(model)
    assert [block.layer.name for block in parts.blocks()] == ["first", "second"]
    assert [block.grid for block in parts.blocks()] == [(4, 6), (4, 6)]
    (scores,) = parts.compute([parts.calls[-1].output], IMAGES)
    np.testing.assert_array_equal(scores, model(IMAGES))
    assert [maps.shape for maps in feature_maps(model, IMAGES)] == [(2, 4, 6, 6)] * 2


@pytest.mark.parametrize("policy", ["mixed_float16", "mixed_bfloat16"])
def test_half_precision_is_computed_in_float32(policy: str) -> None:
    wide = network("conv_mixer")
    keras.config.set_dtype_policy(policy)
    half = build("conv_mixer")
    half.set_weights(wide.get_weights())
    assert half.get_layer("block_0").compute_dtype != "float32"
    for found, expected in zip(feature_maps(half, IMAGES), feature_maps(wide, IMAGES), strict=True):
        assert found.dtype == "float32"
        np.testing.assert_array_equal(found, expected)
    assert half.get_layer("block_0").compute_dtype != "float32"  # The model is as it was.


def test_a_model_stays_as_it_was() -> None:
    model = build("mlp_mixer")
    config = model.get_config()
    take_apart(model)
    assert model.get_config() == config


def test_a_compiled_model_is_not_copied_with_its_optimizer() -> None:
    model = build("conv_mixer")
    optimizer = keras.optimizers.Adam()
    model.compile(optimizer, "sparse_categorical_crossentropy")
    take_apart(model)
    assert not optimizer.built


def test_other_models_are_refused() -> None:
    class Own(keras.Model):
        pass

    message = "'own' can't be taken apart: expected a functional or sequential model"
    with pytest.raises(ValueError, match=message):
        take_apart(Own(name="own"))
    two = [keras.Input((8, 8, 3)), keras.Input((8, 8, 3))]
    with pytest.raises(ValueError, match="received 2 inputs and 1 outputs"):
        take_apart(keras.Model(two, keras.layers.Add()(two)))


def test_other_images_are_refused() -> None:
    with pytest.raises(ValueError, match=r"\(B, 32, 48, 3\), .* received shape \(2, 32, 32, 3\)"):
        feature_maps(network("mlp_mixer"), IMAGES[:, :, :32])
    with pytest.raises(ValueError, match=r"received shape \(32, 48, 3\)"):
        feature_maps(network("mlp_mixer"), IMAGES[0])
    with pytest.raises(ValueError, match=r"at least one; received shape \(0, 32, 48, 3\)"):
        feature_maps(network("mlp_mixer"), IMAGES[:0])
