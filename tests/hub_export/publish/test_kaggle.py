import json
import re

import pytest

import keras_mixers
from hub_export.model_facts import collect_facts
from hub_export.publish.kaggle import (
    instance_metadata,
    kaggle_licence,
    model_metadata,
    slug,
    write_kaggle_metadata,
)
from tests.helpers.export_models import conv_mixer

HANDLES = ("classification", "feature-vector")


def test_files_stand_where_the_command_line_reads_them(tmp_path):
    for handle in HANDLES:
        (tmp_path / handle).mkdir()
    write_kaggle_metadata(tmp_path, collect_facts(conv_mixer()), "# A card", HANDLES)
    found = {
        path.relative_to(tmp_path).as_posix(): json.loads(path.read_text())
        for path in tmp_path.rglob("*.json")
    }
    assert sorted(found) == [
        "classification/model-instance-metadata.json",
        "feature-vector/model-instance-metadata.json",
        "model-metadata.json",
    ]
    assert {fields["ownerSlug"] for fields in found.values()} == {"INSERT_OWNER_SLUG_HERE"}
    model = found.pop("model-metadata.json")
    assert {fields["modelSlug"] for fields in found.values()} == {model["slug"]}
    assert [found[name]["instanceSlug"] for name in sorted(found)] == list(HANDLES)


def test_missing_folder_is_an_error(tmp_path):
    with pytest.raises(FileNotFoundError, match="classification"):
        write_kaggle_metadata(tmp_path, collect_facts(conv_mixer()), "", HANDLES)


@pytest.mark.parametrize(
    ("family", "arguments"),
    [
        (keras_mixers.ConvMixer, (8, 1, 4, 3)),
        (keras_mixers.MLPMixer, (8, 1)),
        (keras_mixers.T2TViT, (8, 1, 2)),
        (keras_mixers.ViT, (8, 1, 2)),
        (keras_mixers.ResMLP, (8, 1)),
        (keras_mixers.gMLP, (8, 1)),
    ],
)
@pytest.mark.parametrize("top", [True, False])
def test_fields_of_the_model(family, arguments, top):
    network = family(*arguments, include_top=top)
    fields = model_metadata(collect_facts(network), "# A card")
    assert fields["isPrivate"] is True
    assert fields["description"] == "# A card"
    assert fields["title"] == network.name
    assert fields["provenanceSources"].startswith("https://arxiv.org/abs/")
    assert 20 <= len(fields["subtitle"]) <= 80
    assert ("classifier" in fields["subtitle"]) is top


def test_fields_of_a_variation():
    facts = collect_facts(conv_mixer(), licence="Apache-2.0", dataset="ImageNet-1k")
    fields = instance_metadata(facts, "feature-vector")
    assert (fields["framework"], fields["fineTunable"]) == ("tensorFlow2", True)
    assert (fields["licenseName"], fields["trainingData"]) == ("Apache 2.0", ["ImageNet-1k"])
    assert fields["modelInstanceType"] == "Unspecified"
    assert "images of 32 x 32 pixels with 3 channels" in fields["overview"]
    assert "to features. Licence of the weights: Apache-2.0." in fields["overview"]
    assert "logits" in instance_metadata(facts, "classification")["overview"]
    assert '"${PATH}"' in fields["usage"]


def test_unknown_is_not_invented():
    fields = instance_metadata(
        collect_facts(conv_mixer(input_shape=(None, None, 3))), "classification"
    )
    assert (fields["licenseName"], fields["trainingData"]) == ("Other", [])
    assert "not stated" in fields["overview"]
    assert "any height and width" in fields["overview"]


@pytest.mark.parametrize(
    ("licence", "expected"),
    [
        ("Apache 2.0", "Apache 2.0"),
        ("MIT", "MIT"),
        ("CC-BY-4.0", "Attribution 4.0 International (CC BY 4.0)"),
        ("BSD-3-Clause-Clear", "Other"),
        ("", "Other"),
    ],
)
def test_licence_as_kaggle_spells_it(licence, expected):
    assert kaggle_licence(licence) == expected


@pytest.mark.parametrize(
    "name",
    [*keras_mixers.list_models(), "Über__Mixer!", "a", "", "-", "x" * 49 + "_y" * 20, "../etc"],
)
def test_slug_is_what_the_command_line_accepts(name):
    assert re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", slug(name))
    assert 3 <= len(slug(name)) <= 50
