"""Which published weights a model's preprocessing is taken from."""

import keras
import pytest

from keras_mixers import ConvMixer, MLPMixer, T2TViT, ViT
from keras_mixers.catalogue.preprocessing import Preprocessing
from keras_mixers.catalogue.sources import find_source
from keras_mixers.models import common
from keras_mixers.models.published import model_family, published_preprocessing, read_normalisation

SMALL = {
    "convmixer_768_32": (ConvMixer, {"hidden_dim": 4, "depth": 1}),
    "mixer_b16": (MLPMixer, {"hidden_dim": 4, "depth": 1}),
    "t2t_vit_14": (T2TViT, {"hidden_dim": 4, "depth": 1, "num_heads": 1}),
}


def small(name: str, preprocessing: Preprocessing) -> keras.Model:
    """Return a small model with the name of a published variant and this normalisation."""
    family, arguments = SMALL[name]
    images = keras.Input((32, 32, 3))
    pixels = common.preprocess(images, preprocessing, None)
    return family(**arguments, input_tensor=pixels, include_preprocessing=False, name=name)


@pytest.mark.parametrize(
    ("name", "weights"),
    [
        ("convmixer_768_32", "imagenet"),
        ("mixer_b16", "imagenet"),
        ("mixer_b16", "imagenet-miil"),
        ("t2t_vit_14", "imagenet"),
        ("t2t_vit_14", "cifar10"),
    ],
)
def test_weights_are_told_apart_by_their_normalisation(name: str, weights: str) -> None:
    expected = find_source(name, weights).preprocessing
    assert published_preprocessing(small(name, expected)) == expected


@pytest.mark.parametrize(("side", "weights"), [(224, "imagenet"), (384, "imagenet-384")])
def test_weights_of_one_normalisation_are_told_apart_by_their_size(side: int, weights: str) -> None:
    released = find_source("vit_ti16", weights)
    assert released.image_size == side
    options = {"num_heads": 1, "patch_size": 32, "name": "vit_ti16"}
    model = ViT(4, 1, input_shape=(side, side, 3), **options)
    assert published_preprocessing(model) == released.preprocessing
    assert published_preprocessing(ViT(4, 1, input_shape=(96, 96, 3), **options)) is None


def test_models_that_were_not_published_have_none() -> None:
    published = find_source("mixer_b16", "imagenet").preprocessing
    other_normalisation = Preprocessing((0.1, 0.2, 0.3), (0.4, 0.5, 0.6), published.crop)
    assert published_preprocessing(small("mixer_b16", other_normalisation)) is None
    other_name = MLPMixer(4, 1, name="mine")
    assert published_preprocessing(other_name) is None
    other_family = ConvMixer(4, 1, name="mixer_b16")
    assert published_preprocessing(other_family) is None


def test_networks_of_others_are_of_no_family() -> None:
    images = keras.Input((8, 8, 3))
    model = keras.Model(images, keras.layers.Flatten()(images), name="mixer_b16")
    assert model_family(model) is None
    assert read_normalisation(model) == (None, None)
    assert published_preprocessing(model) is None
