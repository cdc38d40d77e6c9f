import keras
import numpy as np
import pytest
from keras import ops

from hub_export.tflite import integer_layers as forms
from keras_mixers.layers import LayerNorm, TokenPerformer
from tests.helpers.export_models import (
    assert_same,
    every_model,
    images_up_to_one,
    perturb,
    perturbed,
)
from tests.helpers.rounding import assert_close, roundings_in

CHANGED = {
    "ConvMixer": {"ConvolvedBatchNorm"},
    "MLPMixer": set(),
    "T2TViT": {"TwoStepLayerNorm", "SoftmaxPerformer", "RepeatedClassToken"},
    "ViT": {"TwoStepLayerNorm", "RepeatedClassToken"},
    "ViT average": {"TwoStepLayerNorm"},
    "ViT distilled": {"TwoStepLayerNorm", "RepeatedClassToken"},
    "ResMLP": set(),
    "gMLP": {"TwoStepLayerNorm"},
}


def numbers(*shape, scale=1.0):
    return scale * np.random.default_rng(0).standard_normal(shape).astype("float32")


def changed(layer, form):
    """Return what a layer and its form give for the same input."""
    kind = type(layer)
    assert issubclass(form, kind)

    def compare(x):
        wanted = ops.convert_to_numpy(layer(x))
        layer.__class__ = form
        found = ops.convert_to_numpy(layer(x))
        layer.__class__ = kind
        return found, wanted

    return compare


@pytest.mark.parametrize("family", every_model)
def test_models_in_integer_form_give_the_same(family):
    model = perturbed(family)
    pixels = 255 * images_up_to_one(3)
    logits = keras.Model(model.input, model.get_layer("head").output)
    wanted = logits(pixels)
    forms.with_integer_layers(model)
    kinds = {type(layer).__name__ for layer in model._flatten_layers()}
    assert kinds & set().union(*CHANGED.values()) == CHANGED[family]
    assert_same(logits(pixels), wanted, model)


@pytest.mark.parametrize("scale", [1e-4, 1.0, 1e4])
def test_layer_norm_in_two_steps_is_the_layer_norm(scale):
    layer = LayerNorm(1e-5)
    layer.build((None, 64))
    perturb(keras.Sequential([layer]))
    # One token is flat, and one is a thousand times smaller than the rest.
    x = numbers(2, 5, 64, scale=scale)
    x[:, 1], x[:, 2] = 3.0, x[:, 2] / 1000
    found, wanted = changed(layer, forms.TwoStepLayerNorm)(x)
    # What is rounded of the flat token's mean is divided by the root of epsilon.
    assert_close(found, wanted, roundings_in(layer.weights), gain=1e-5**-0.5)


@pytest.mark.parametrize("options", [{}, {"scale": False}, {"center": False}])
def test_convolved_batch_norm_is_the_batch_norm(options):
    layer = keras.layers.BatchNormalization(**options)
    layer.build((None, None, None, 6))
    perturb(keras.Sequential([layer]))
    found, wanted = changed(layer, forms.ConvolvedBatchNorm)(numbers(2, 5, 4, 6))
    assert_close(found, wanted, roundings=4)


def test_batch_norm_of_tokens_stays_as_it_is():
    layer = keras.layers.BatchNormalization()
    layer.build((None, 5, 6))
    perturb(keras.Sequential([layer]))
    found, wanted = changed(layer, forms.ConvolvedBatchNorm)(numbers(2, 5, 6))
    np.testing.assert_array_equal(found, wanted)


@pytest.mark.parametrize("scale", [0.1, 1.0, 8.0])
def test_softmax_performer_is_the_performer(scale):
    layer = TokenPerformer(16, drop_rate=0.0)
    layer.build((None, 30, 12))
    for weight in layer.weights:
        if "kernel" in weight.path:
            # Large keys and queries: the epsilon of the denominators then counts.
            weight.assign(scale * weight / ops.std(weight) / weight.shape[0] ** 0.5)
    found, wanted = changed(layer, forms.SoftmaxPerformer)(numbers(2, 30, 12))
    assert_close(found, wanted, roundings_in(layer.weights) + 30)  # It adds up 30 tokens, too.


def test_softmax_performer_takes_masks():
    layer = TokenPerformer(8, drop_rate=0.0)
    layer.build((None, 6, 8))
    x, mask = numbers(2, 6, 8), np.arange(6)[None] < [[4], [6]]
    wanted = layer(x, mask=mask)
    layer.__class__ = forms.SoftmaxPerformer
    np.testing.assert_array_equal(layer(x, mask=mask), wanted)
