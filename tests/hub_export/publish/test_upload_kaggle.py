"""Publishing on Kaggle, to a server that speaks the parts of its protocol that the clients use."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

import keras_mixers
from hub_export import PublishError, export_kaggle, upload_kaggle
from hub_export.model_facts import collect_facts
from tests.helpers.hubs.kaggle import TOKEN, Kaggle, kaggle
from tests.helpers.hubs.server import Answer, failing
from tests.helpers.tiny_models import build

LABELS = list("abcde")
VARIATIONS = [
    "user/name/tensorFlow2/classification",
    "user/name/tensorFlow2/feature-vector",
    "user/name/keras/classification",
]


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Kaggle]:
    with kaggle(tmp_path, monkeypatch) as server:
        monkeypatch.setenv("KAGGLE_API_TOKEN", TOKEN)
        yield server


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("published") / "gmlp"
    model = build("gmlp")
    export_kaggle(model, path, LABELS, collect_facts(model, LABELS, "MIT"), "user/name")
    return path


def test_all_variations_are_uploaded_and_keras_loads_its_own(hub: Kaggle, folder: Path) -> None:
    assert upload_kaggle(folder, "user/name", private=True) == VARIATIONS
    made = hub.models["user/name"]
    assert made["isPrivate"] is True
    assert 'keras_mixers.load("kaggle://user/name/keras/classification")' in made["description"]
    assert "INSERT_OWNER_SLUG_HERE" not in made["description"]
    assert set(hub.licences.values()) == {"MIT"}
    (saved_model,) = hub.variations["user/name/TENSOR_FLOW_2/classification"]
    assert {"saved_model.pb", "variables/variables.index", "assets/labels.txt"} <= set(saved_model)
    assert "model-instance-metadata.json" not in saved_model
    found = keras_mixers.load("kaggle://user/name/keras/classification")
    expected = keras_mixers.load(folder / "keras")
    for ours, theirs in zip(found.weights, expected.weights, strict=True):
        np.testing.assert_array_equal(ours, theirs)


def test_an_earlier_model_gets_a_version_only_if_told_to(hub: Kaggle, folder: Path) -> None:
    upload_kaggle(folder, "user/name")
    with pytest.raises(FileExistsError, match=r"exists; pass overwrite=True \(--overwrite\)"):
        upload_kaggle(folder, "user/name")
    upload_kaggle(folder, "user/name", overwrite=True)
    assert [len(versions) for versions in hub.variations.values()] == [2, 2, 2]
    with pytest.raises(ValueError, match="exists and is public"):
        upload_kaggle(folder, "user/name", private=True, overwrite=True)


@pytest.mark.parametrize(
    ("part", "fault", "reason"),
    [
        ("GetModel", failing(500), "the hub answered 500"),
        ("CreateModel", failing(400), "the hub answered 400"),
        ("StartBlobUpload", failing(429), "too many requests"),
        ("/stored/", failing(400), "Upload failed with status code 400"),
    ],
)
def test_a_hub_that_refuses_is_one_line(
    hub: Kaggle, folder: Path, part: str, fault: Answer, reason: str
) -> None:
    hub.faults[part] = fault
    with pytest.raises(PublishError, match=reason) as found:
        upload_kaggle(folder, "user/name")
    assert "\n" not in str(found.value)


def test_nobody_is_asked_without_a_token(
    hub: Kaggle, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("KAGGLE_API_TOKEN")
    with pytest.raises(PublishError, match="KAGGLE_API_TOKEN"):
        upload_kaggle(folder, "user/name")
    assert hub.requests == []


def test_another_folder_is_refused(hub: Kaggle, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="has no variations"):
        upload_kaggle(tmp_path, "user/name")
