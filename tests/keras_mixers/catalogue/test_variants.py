"""The tables of published variants against the networks that they build."""

import keras
import numpy as np
import pytest
from keras.src.backend.common import global_state

import keras_mixers as km
from keras_mixers.models.multiply_adds import multiply_adds
from keras_mixers.models.published import read_normalisation


def _count(weights: list[keras.Variable]) -> int:
    return sum(int(np.prod(weight.shape)) for weight in weights)


@pytest.mark.parametrize("name", km.list_models())
def test_numbers_of_every_variant(name: str) -> None:
    info = km.model_info(name)
    # In this scope weights have shapes and no values yet. Leaving it would draw them, 432 million
    # for the largest variant, if Keras still knew of them.
    with keras.StatelessScope():
        model = km.create_model(name)
        global_state.set_global_attribute("uninitialized_variables", [])
    assert model.name == name
    assert model.input_shape == (None, *info.input_shape)
    assert model.output_shape == (None, info.classes)
    assert read_normalisation(model) == (info.preprocessing.mean, info.preprocessing.std)
    assert _count(model.trainable_weights) == info.parameters
    assert _count(model.non_trainable_weights) == info.fixed_parameters
    # The table has four digits after the point.
    assert multiply_adds(model) / 1e9 == pytest.approx(info.multiply_adds, abs=5e-5)


# Parameters as others print them: the papers' appendix formula, Google's tests, the T2T-ViT README.
PUBLISHED = {
    "convmixer_1536_20": 51_625_960,
    "convmixer_768_32": 21_110_248,
    "convmixer_1024_20_p14": 24_383_464,
    "convmixer_256_8_p2_k5": 594_186,
    "mixer_b16": 59_880_472,
    "mixer_b32": 60_293_428,
    "mixer_l16": 208_196_168,
    "t2t_vit_7": 4_255_694,
    "t2t_vit_14": 21_465_806,
    "t2t_vit_24": 64_000_974,
    "t2t_vit_t_14": 21_465_422,
    # timm's table rounds to 10,000; the exact numbers are those of timm's models.
    "vit_ti16": 5_717_416,
    "vit_b32": 88_224_232,
    "deit_s16": 22_050_664,
    "deit_b16_distilled": 87_338_192,
    "resmlp_12": 15_350_872,
    "resmlp_b24": 129_138_280,
    "gmlp_s16": 19_422_656,
}


@pytest.mark.parametrize(("name", "parameters"), PUBLISHED.items())
def test_parameters_as_published(name: str, parameters: int) -> None:
    assert km.model_info(name).parameters == parameters


def test_relu_variants_are_the_authors() -> None:
    activations = {
        name: km.model_info(name).arguments.get("activation") for name in km.list_models()
    }
    relu = [name for name, activation in activations.items() if activation == "relu"]
    assert relu == ["convmixer_768_32", "convmixer_768_32_p14"]


def test_every_published_name_is_listed() -> None:
    assert len(km.list_models()) == 58
    assert km.list_models("t2t_vit_t_*") == ["t2t_vit_t_14", "t2t_vit_t_19", "t2t_vit_t_24"]
    assert km.list_models("mixer*") == [
        *(f"mixer_{size}" for size in ("b16", "b32", "h14", "l16", "l32", "s16", "s32", "s8"))
    ]
    assert km.list_models("nothing") == []
    released = km.list_models("mixer*", weights=True)
    assert released == [name for name in km.list_models("mixer*") if km.model_info(name).weights]
    assert "mixer_b16" in released
    assert "mixer_h14" not in released


@pytest.mark.parametrize("function", [km.model_info, km.create_model])
def test_unknown_variant_offers_the_nearest(function: object) -> None:
    with pytest.raises(ValueError, match="There is no variant 'convmixer_1536_2O'") as error:
        function("convmixer_1536_2O")
    assert "convmixer_1536_20" in str(error.value)
    with pytest.raises(ValueError, match=r"see keras_mixers.list_models\(\)"):
        function("resnet")


def test_create_model_takes_classes_and_shape() -> None:
    model = km.create_model("convmixer_256_8_p2_k5", classes=37, input_shape=(20, 24, 3))
    assert model.output_shape == (None, 37)
    assert model.input_shape == (None, 20, 24, 3)


def test_unpublished_accuracy_says_so() -> None:
    for name in km.list_models():
        info = km.model_info(name)
        assert info.top1_source
        assert info.top1 is None or 50 < info.top1 < 100
        assert (info.top1 is None) == ("not" in info.top1_source)
