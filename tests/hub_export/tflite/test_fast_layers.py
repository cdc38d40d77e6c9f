"""Models in the form for devices compute the same numbers, of the same weights."""

import keras
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import keras_mixers
from hub_export.tflite.fast_layers import (
    NestedConvMixerBlock,
    TiledConvMixerBlock,
    with_fast_layers,
)
from hub_export.tflite.split_depthwise import nested_depthwise, nested_parts, tiled_depthwise
from keras_mixers.layers import ConvMixerBlock
from tests.backends.compute import set_weights
from tests.helpers.rounding import assert_close, roundings_in
from tests.helpers.tiny_models import BUILDERS, SHAPE, build


def conv_mixer(kernel_size, **options):
    options = {"input_shape": SHAPE, "classes": 5, "classifier_activation": None, **options}
    model = keras_mixers.ConvMixer(8, 1, patch_size=4, kernel_size=kernel_size, **options)
    set_weights(model, np.random.default_rng(0))
    return model


def images_of(shape=SHAPE):
    return 255 * np.random.default_rng(1).random((3, *shape), dtype="float32")


def assert_equal(model, rewritten, images):
    expected = np.asarray(model(images, training=False))
    assert np.ptp(expected, axis=0).max() > 0.01  # The output depends on the image.
    assert_close(rewritten(images, training=False), expected, roundings_in(model.weights))


@pytest.mark.parametrize("mode", ["none", "int8", "int16x8"])
@pytest.mark.parametrize("name", BUILDERS)
def test_every_family_computes_the_same(name, mode):
    model = build(name, classifier_activation=None)
    set_weights(model, np.random.default_rng(0))
    assert_equal(model, with_fast_layers(model, mode), images_of())


@pytest.mark.parametrize("mode", ["float16", "dynamic"])
def test_files_of_quantised_weights_compute_as_those_of_floats(mode):
    blocks = [type(layer) for layer in with_fast_layers(conv_mixer(7), mode).layers]
    assert blocks == [type(layer) for layer in with_fast_layers(conv_mixer(7), "none").layers]


@pytest.mark.parametrize("mode", ["none", "int8"])
@pytest.mark.parametrize("kernel_size", range(3, 10))
def test_kernels_above_five_are_split_and_compute_the_same(kernel_size, mode):
    model = conv_mixer(kernel_size)
    rewritten = with_fast_layers(model, mode)
    blocks = [layer for layer in rewritten.layers if isinstance(layer, ConvMixerBlock)]
    split = TiledConvMixerBlock if mode == "int8" else NestedConvMixerBlock
    assert [type(block) for block in blocks] == [split if kernel_size > 5 else ConvMixerBlock]
    assert_equal(model, rewritten, images_of())


@pytest.mark.parametrize("options", [{"residual": False}, {"normalization": "layer"}])
def test_split_kernels_keep_what_a_block_is_made_of(options):
    model = conv_mixer(7, **options)
    assert_equal(model, with_fast_layers(model, "none"), images_of())


@pytest.mark.parametrize(("kernel_size", "mode"), [(5, "none"), (9, "int16x8")])
def test_where_parts_are_no_faster_the_model_is_kept(kernel_size, mode):
    model = conv_mixer(kernel_size)
    assert with_fast_layers(model, mode) is model


@keras.saving.register_keras_serializable(package="tests")
class DoubledBlock(ConvMixerBlock):
    """A block that computes something of its own."""

    def call(self, inputs, training=False):
        return 2 * super().call(inputs, training=training)


def test_a_layer_of_another_class_stays_what_it_is():
    model = keras.Sequential([keras.Input((8, 8, 4)), ConvMixerBlock(7), DoubledBlock(7)])
    rewritten = with_fast_layers(model)
    assert [type(layer) for layer in rewritten.layers] == [NestedConvMixerBlock, DoubledBlock]
    assert_equal(model, rewritten, images_of((8, 8, 4)))


def test_layers_keep_names_and_weights_are_a_copy():
    model = conv_mixer(7)
    rewritten = with_fast_layers(model)
    assert [layer.name for layer in rewritten.layers] == [layer.name for layer in model.layers]
    assert [w.path for w in rewritten.weights] == [w.path for w in model.weights]
    expected = np.asarray(rewritten(images_of()))
    for weight in model.weights:
        weight.assign(0 * weight)
    np.testing.assert_array_equal(rewritten(images_of()), expected)


def test_a_trained_model_that_was_loaded_keeps_its_weights(tmp_path):
    model = conv_mixer(7, activation="relu")
    model.compile("adam", "mse")
    model.fit(images_of(), np.ones((3, 5)), verbose=0)
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    assert_equal(model, with_fast_layers(loaded, "int8"), images_of())


def test_a_model_of_any_size_stays_one_and_takes_one_patch():
    model = conv_mixer(9, input_shape=(None, None, 3))
    rewritten = with_fast_layers(model)
    assert rewritten.input_shape == (None, None, None, 3)
    for shape in ((4, 4, 3), (8, 20, 3), (36, 40, 3)):
        assert_equal(model, rewritten, images_of(shape))


@pytest.mark.parametrize(("split", "least"), [(tiled_depthwise, 3), (nested_depthwise, 6)])
@given(data=st.data())
def test_parts_add_up_to_the_convolution(split, least, data):
    side = data.draw(st.integers(least, 13), "side")
    height, width = (data.draw(st.integers(1, 14), name) for name in ("height", "width"))
    random = np.random.default_rng(data.draw(st.integers(0, 99), "seed"))
    shapes = ((2, height, width, 3), (side, side, 3, 1), (3,))
    x, kernel, bias = (random.normal(size=shape).astype("float32") for shape in shapes)
    expected = np.asarray(keras.ops.depthwise_conv(x, kernel, padding="same") + bias)
    found = np.asarray(split(x, kernel, bias))
    assert found.shape == expected.shape
    assert_close(found, expected, side * side + 1)


@pytest.mark.parametrize("side", [6, 7, 9, 14])
def test_of_nested_parts_only_the_middle_has_more_than_nine_positions(side):
    """XNNPACK's depthwise code is for 3, 4, 9 and 25 positions."""
    kernel = np.zeros((side, side))
    sizes = [kernel[part].size for part in nested_parts(side)]
    assert sizes[0] in (16, 25)
    assert max(sizes[1:]) <= 9
