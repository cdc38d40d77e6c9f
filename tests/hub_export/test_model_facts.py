import pytest

import keras_mixers
from hub_export.model_facts import collect_facts
from tests.helpers.export_models import MODELS, conv_mixer, every_model


@pytest.mark.parametrize("family", every_model)
def test_facts_are_the_model_s(family):
    model = MODELS[family]()
    facts = collect_facts(model, list("abcde"))
    channels = 16 if family == "ViT distilled" else 8
    assert facts.family == family.split()[0]
    assert (facts.classes, facts.feature_shape) == (5, (channels,))
    total = facts.parameters + facts.fixed_parameters
    assert total == sum(int(weight.value.shape.num_elements()) for weight in model.weights)
    assert facts.labels
    assert facts.accuracy is None
    assert facts.paper.startswith("https://arxiv.org/")


def test_published_evaluation_is_known_of_a_variant():
    model = keras_mixers.create_model("mixer_s32")
    variant = keras_mixers.model_info("mixer_s32")
    facts = collect_facts(model)
    assert facts.parameters == variant.parameters
    assert facts.mean == variant.preprocessing.mean
    assert facts.std == variant.preprocessing.std
    assert facts.crop == variant.preprocessing.crop


def test_nothing_is_invented():
    facts = collect_facts(conv_mixer(include_top=False, include_preprocessing=False))
    assert facts.classes is None
    assert facts.mean is None
    assert facts.crop is None
    assert facts.feature_shape == (8, 8, 8)


def test_accuracy_comes_with_its_source():
    with pytest.raises(ValueError, match=r"accuracy=0\.9 came without accuracy_source; say which"):
        collect_facts(conv_mixer(), accuracy=0.9)
    with pytest.raises(ValueError, match="a share from 0 to 1; received 98"):
        collect_facts(conv_mixer(), accuracy=98, accuracy_source="a command")
    facts = collect_facts(conv_mixer(), accuracy=0.9, accuracy_source="a command")
    assert facts.to_json()["accuracy_source"] == "a command"
