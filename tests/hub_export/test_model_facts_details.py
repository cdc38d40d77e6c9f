"""What the model's own layers tell, and what nobody told."""

import json

import keras
import pytest

import keras_mixers
from hub_export.model_facts import collect_facts
from tests.helpers.export_models import MODELS, conv_mixer

IMAGENET = ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))


@pytest.mark.parametrize(("family", "depth"), [("ConvMixer", 1), ("MLPMixer", 2), ("T2TViT", 1)])
def test_depth_counts_the_blocks(family, depth):
    assert collect_facts(MODELS[family]()).depth == depth


def test_frozen_layers_count_as_fixed():
    model = conv_mixer()
    before = collect_facts(model)
    model.get_layer("head").trainable = False
    after = collect_facts(model)
    assert before.parameters - after.parameters == 8 * 5 + 5
    assert after.fixed_parameters - before.fixed_parameters == 8 * 5 + 5


@pytest.mark.parametrize("family", ["ConvMixer", "T2TViT"])
def test_mean_and_deviation_are_the_layer_s(family):
    facts = collect_facts(MODELS[family]())
    assert (facts.mean, facts.std) == IMAGENET


def test_scalars_count_for_every_channel():
    images = keras.Input((8, 8, 3))
    outputs = keras.layers.Rescaling(1 / 127.5, -1, name="preprocessing")(images)
    facts = collect_facts(keras.Model(images, outputs))
    assert (facts.mean, facts.std) == ((0.5, 0.5, 0.5), (0.5, 0.5, 0.5))


def test_a_variant_s_name_alone_tells_nothing():
    images = keras.Input((8, 8, 3))
    facts = collect_facts(keras.Model(images, keras.layers.Flatten()(images), name="mixer_b16"))
    unknown = (facts.family, facts.paper, facts.mean, facts.std, facts.crop, facts.interpolation)
    assert unknown == (None,) * 6


def test_evaluation_is_told_where_the_weights_of_that_normalisation_were_published():
    facts = collect_facts(keras_mixers.ConvMixer(8, 1, name="convmixer_768_32"))
    assert (facts.crop, facts.interpolation) == (0.96, "bicubic")
    # This one was published with CIFAR's mean; without its variant a ConvMixer has ImageNet's.
    named = keras_mixers.ConvMixer(8, 1, classes=10, name="convmixer_256_8_p2_k5")
    assert collect_facts(named).crop is None


def test_model_without_top_has_features_alone():
    facts = collect_facts(conv_mixer(include_top=False, classes=1000))
    assert (facts.classes, facts.feature_shape) == (None, (8, 8, 8))


def test_json_keeps_the_facts():
    facts = collect_facts(
        conv_mixer(input_shape=(None, None, 3)),
        labels=list("abcde"),
        licence="MIT",
        accuracy=0.5,
        accuracy_source="make accuracy",
        dataset="digits",
    )
    told = facts.to_json()
    assert json.loads(json.dumps(told)) == told
    assert told["input_shape"] == [None, None, 3]
    assert (told["input_dtype"], told["input_range"]) == ("float32", [0, 1])
    assert (told["labels"], told["licence"], told["accuracy"]) == (True, "MIT", 0.5)
    assert (told["accuracy_source"], told["dataset"]) == ("make accuracy", "digits")
    assert told["versions"]["keras_mixers"] == keras_mixers.__version__


@pytest.mark.parametrize("accuracy", [81.4, -0.1, float("nan")])
def test_accuracy_is_a_share(accuracy):
    with pytest.raises(ValueError, match="accuracy must be a share from 0 to 1; received"):
        collect_facts(conv_mixer(), accuracy=accuracy, accuracy_source="a table")


def test_accuracy_needs_its_source():
    with pytest.raises(ValueError, match=r"accuracy=0\.5 came without accuracy_source"):
        collect_facts(conv_mixer(), accuracy=0.5)
