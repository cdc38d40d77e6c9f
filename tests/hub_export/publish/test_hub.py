import json
import subprocess

import pytest
import tensorflow_hub

from hub_export.model_facts import collect_facts
from hub_export.publish import hub
from hub_export.publish.hub import export_hub, list_exports
from hub_export.verification.verify import verify
from keras_mixers.models.heads import features_of, without_softmax
from tests.helpers.export_models import assert_same, conv_mixer, images_up_to_one, perturbed

LABELS = list("abcde")


@pytest.fixture(scope="module")
def exported(tmp_path_factory):
    model = perturbed("ConvMixer")
    facts = collect_facts(
        model,
        licence="MIT",
        accuracy=0.5,
        accuracy_source="keras-mixers evaluate run",
        dataset="letters",
    )
    out = tmp_path_factory.mktemp("hub") / "out"
    checks = export_hub(model, out, LABELS, facts, tar=True)
    return model, out, checks


def test_both_handles_are_compared_and_give_logits_and_features(exported):
    model, out, checks = exported
    assert list(checks) == ["classification", "feature-vector"]
    assert all(verification.passed for verification in checks.values())
    images = images_up_to_one(2)
    for handle, part in zip(checks, (without_softmax(model), features_of(model)), strict=True):
        found = tensorflow_hub.load(str(out / handle))(images)
        assert_same(found, part(255 * images), model)


def test_metadata_of_each_handle_say_what_it_is(exported):
    _, out, _ = exported
    said = {
        handle: json.loads((out / handle / "assets/metadata.json").read_text())
        for handle in hub.HANDLES
    }
    assert [said[handle]["classes"] for handle in hub.HANDLES] == [5, None]
    assert [said[handle]["labels"] for handle in hub.HANDLES] == [True, False]
    assert [said[handle]["accuracy"] for handle in hub.HANDLES] == [0.5, None]
    assert [said[handle]["licence"] for handle in hub.HANDLES] == ["MIT", "MIT"]
    assert (out / "classification/assets/labels.txt").read_text().split() == LABELS
    assert not (out / "feature-vector/assets/labels.txt").exists()


def test_card_and_kaggle_files_know_archives_accuracy_and_licence(exported):
    _, out, _ = exported
    card = (out / "README.md").read_text()
    assert "Top-1 accuracy: 50.00 %; source: keras-mixers evaluate run" in card
    for handle in hub.HANDLES:
        digest, name = (out / f"{handle}.tar.gz.sha256").read_text().split()
        assert name == f"{handle}.tar.gz"
        assert f"| `{name}` | `{digest}` |" in card
        kaggle = json.loads((out / handle / "model-instance-metadata.json").read_text())
        assert kaggle["licenseName"] == "MIT"
    assert json.loads((out / "model-metadata.json").read_text())["description"] == card
    checked = subprocess.run(
        ["sha256sum", "-c", *(f"{handle}.tar.gz.sha256" for handle in hub.HANDLES)],
        cwd=out,
        capture_output=True,
        check=False,
    )
    assert checked.returncode == 0


def test_every_part_can_be_verified_against_the_classifier(exported):
    model, out, _ = exported
    parts = list_exports(out)
    names = ["classification", "classification.tar.gz", "feature-vector", "feature-vector.tar.gz"]
    assert [part.name for part in parts] == names
    verification = verify(out / "feature-vector.tar.gz", model)
    assert verification.passed
    assert {check.agreement for check in verification.checks} == {None}
    assert not verify(out / "feature-vector", conv_mixer()).passed


def test_model_without_top_has_one_handle(tmp_path):
    checks = export_hub(conv_mixer(include_top=False, pooling="avg"), tmp_path / "out")
    assert list(checks) == ["feature-vector"]
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == [
        "README.md",
        "feature-vector",
        "model-metadata.json",
    ]


@pytest.fixture
def unverified(monkeypatch):
    """Leave out the comparison, which has tests of its own."""

    def export(write, model, path, **options):
        write(path)

    monkeypatch.setattr(hub, "export_verified", export)


def test_nothing_is_left_behind_and_nothing_is_replaced_unasked(
    exported, unverified, tmp_path, monkeypatch
):
    model, out, _ = exported
    with pytest.raises(FileExistsError, match="pass overwrite=True"):
        export_hub(model, out)
    (tmp_path / "mine").mkdir()
    with pytest.raises(FileExistsError, match=r"not a folder with a file 'model-metadata\.json'"):
        export_hub(model, tmp_path / "mine", overwrite=True)
    with pytest.raises(FileNotFoundError, match="There is no folder"):
        export_hub(model, tmp_path / "nowhere/out")
    with pytest.raises(ValueError, match="received 2 names for 5 classes"):
        export_hub(model, tmp_path / "out", ["a", "b"])

    def broken(*arguments: object) -> None:
        raise RuntimeError("a full disk")

    monkeypatch.setattr(hub.kaggle, "write_kaggle_metadata", broken)
    with pytest.raises(RuntimeError, match="a full disk"):
        export_hub(model, tmp_path / "out")
    assert [path.name for path in tmp_path.iterdir()] == ["mine"]


def test_earlier_export_is_replaced_when_asked(unverified, tmp_path):
    model = conv_mixer(include_top=False, pooling="avg")
    export_hub(model, tmp_path / "out", tar=True)
    export_hub(model, tmp_path / "out", overwrite=True)
    assert not (tmp_path / "out/feature-vector.tar.gz").exists()
