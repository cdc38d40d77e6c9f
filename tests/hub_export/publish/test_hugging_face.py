"""The folder for the Hugging Face Hub, and its upload to a server that speaks its protocol."""

import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import keras
import numpy as np
import pytest
from huggingface_hub import ModelCard

import keras_mixers
from hub_export import PublishError, export_hugging_face, upload_hugging_face
from hub_export.model_facts import collect_facts
from hub_export.publish import keras_files
from hub_export.publish.timm_names import TIMM_NAMES
from hub_export.publish.timm_network import timm_network
from keras_mixers.inference import read_keras_file
from keras_mixers.weights.read import read_checkpoint
from tests.helpers.hubs.hugging_face import TOKEN, HuggingFace, hugging_face
from tests.helpers.hubs.server import Answer, failing, hang_up
from tests.helpers.tiny_models import BUILDERS, SHAPE, build

# Of huggingface_hub's own call.
pytestmark = pytest.mark.filterwarnings("ignore:Use 'content=<...>' to upload:DeprecationWarning")

LABELS = list("abcde")
# The smallest variants, each with a name of its own in timm.
SMALL = ["resmlp_12", "gmlp_ti16", "vit_ti16", "deit_ti16", "deit_ti16_distilled", "mixer_s32"]


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[HuggingFace]:
    with hugging_face(tmp_path, monkeypatch) as server:
        monkeypatch.setenv("HF_TOKEN", TOKEN)
        yield server


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("published") / "conv_mixer"
    export_hugging_face(build("conv_mixer"), path, LABELS, repository="user/name")
    return path


@pytest.mark.parametrize("name", BUILDERS)
def test_both_files_hold_the_model(name: str, tmp_path: Path) -> None:
    model = build(name)
    export_hugging_face(model, tmp_path / "out", LABELS)
    found = read_keras_file(tmp_path / "out" / "model.keras")
    for ours, theirs in zip(found.weights, model.weights, strict=True):
        np.testing.assert_array_equal(ours, theirs)
    keys = set(read_checkpoint(tmp_path / "out" / "model.safetensors"))
    is_timms = any(key.startswith(("stem.", "patch_embed.")) for key in keys)
    assert is_timms == (not name.startswith("t2t"))
    assert (tmp_path / "out" / "labels.txt").read_text() == "a\nb\nc\nd\ne\n"


def test_a_network_of_ones_own_has_no_weights_of_other_libraries(tmp_path: Path) -> None:
    images = keras.Input((8, 8, 3))
    x = keras.layers.Rescaling(1 / 255, name="preprocessing")(images)
    x = keras.layers.Flatten()(x)
    model = keras.Model(images, keras.layers.Dense(2, name="head")(x))
    export_hugging_face(model, tmp_path / "out")
    assert {path.name for path in (tmp_path / "out").iterdir()} == {"README.md", "model.keras"}
    assert "timm" not in (tmp_path / "out" / "README.md").read_text()


def test_the_header_is_as_the_hub_reads_it(tmp_path: Path) -> None:
    model = build("mlp_mixer")
    facts = collect_facts(
        model, LABELS, "Apache-2.0", 0.9325, "keras-mixers evaluate", "tfds:mnist"
    )
    export_hugging_face(model, tmp_path / "out", LABELS, facts)
    data = ModelCard.load(tmp_path / "out" / "README.md").data
    assert (data.library_name, data.pipeline_tag) == ("keras", "image-classification")
    assert (data.license, data.datasets, data.metrics) == (
        "apache-2.0",
        ["ylecun/mnist"],
        ["accuracy"],
    )
    assert data.tags == ["keras-mixers", "timm"]
    (result,) = data.eval_results
    assert (result.metric_type, result.metric_value) == ("accuracy", 0.9325)
    assert (result.dataset_type, result.dataset_name) == ("ylecun/mnist", "tfds:mnist")


def test_a_model_without_head_and_facts_says_only_what_is_known(tmp_path: Path) -> None:
    export_hugging_face(build("vit", include_top=False), tmp_path / "out")
    data = ModelCard.load(tmp_path / "out" / "README.md").data
    assert data.pipeline_tag == "image-feature-extraction"
    assert (data.license, data.datasets, data.eval_results) == (None, None, None)


def test_texts_of_others_can_not_break_the_header(tmp_path: Path) -> None:
    model = build("mlp_mixer")
    dataset = "a: b\n---\nlicense: mit"
    facts = collect_facts(model, None, "x\nlicense: mit", 0.5, "by\x1b[2J me", dataset)
    export_hugging_face(model, tmp_path / "out", None, facts)
    text = (tmp_path / "out" / "README.md").read_text()
    data = ModelCard(text).data
    assert (data.license, data.pipeline_tag) == ("other", "image-classification")
    assert "\x1b" not in text


@pytest.mark.parametrize("name", SMALL)
def test_timm_finds_a_published_network_by_name(name: str) -> None:
    network = timm_network(keras_mixers.create_model(name, classes=3))
    assert network is not None
    assert network.name == TIMM_NAMES[name]


@pytest.mark.parametrize("name", BUILDERS)
def test_other_sizes_have_no_name_in_timm(name: str) -> None:
    network = timm_network(BUILDERS[name](input_shape=SHAPE, classes=5, name="vit_ti16"))
    if name.startswith("t2t"):
        assert network is None
    else:
        assert network is not None
        assert network.name is None


def test_an_activation_that_timm_lacks_is_told_to_nobody() -> None:
    assert timm_network(build("conv_mixer", activation="softsign")) is None


def test_timms_configuration_has_classes_and_preprocessing(tmp_path: Path) -> None:
    model = keras_mixers.create_model("vit_ti16", classes=5)
    export_hugging_face(model, tmp_path / "out", LABELS)
    config = json.loads((tmp_path / "out" / "config.json").read_text())
    assert (config["architecture"], config["num_classes"]) == ("vit_tiny_patch16_224", 5)
    assert config["label_names"] == LABELS
    assert config["pretrained_cfg"]["mean"] == [0.5, 0.5, 0.5]
    assert config["pretrained_cfg"]["input_size"] == [3, 224, 224]


def test_what_is_there_is_not_replaced(tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    with pytest.raises(FileExistsError, match="out"):
        export_hugging_face(build("gmlp"), tmp_path / "out")
    assert list((tmp_path / "out").iterdir()) == []


def test_a_file_that_differs_from_the_model_is_not_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(keras_files, "read_keras_file", lambda _: build("conv_mixer"))
    with pytest.raises(ValueError, match=r"model.keras differs by .*Nothing was published"):
        export_hugging_face(build("conv_mixer"), tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_what_is_uploaded_is_loaded_again(hub: HuggingFace, folder: Path, tmp_path: Path) -> None:
    shutil.copytree(folder, tmp_path / "copy")
    (tmp_path / "copy" / "secret.txt").write_text("not of the model")
    address = upload_hugging_face(tmp_path / "copy", "user/name", private=True)
    repository = hub.repositories["user/name"]
    assert repository.private
    assert address.endswith(repository.references["main"])
    names = {path.name for path in folder.iterdir()}
    assert set(repository.commits[repository.references["main"]]) == {*names, ".gitattributes"}
    found = keras_mixers.load("hf://user/name")
    for ours, theirs in zip(
        found.weights, read_keras_file(folder / "model.keras").weights, strict=True
    ):
        np.testing.assert_array_equal(ours, theirs)


def test_a_folder_without_a_model_is_refused(hub: HuggingFace, tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"has no model\.keras"):
        upload_hugging_face(tmp_path, "user/name")
    assert hub.requests == []


def test_an_earlier_model_is_replaced_only_if_told_to(
    hub: HuggingFace, folder: Path, tmp_path: Path
) -> None:
    upload_hugging_face(folder, "user/name")
    first = hub.repositories["user/name"].references["main"]
    newer = tmp_path / "newer"
    export_hugging_face(build("gmlp"), newer)
    with pytest.raises(FileExistsError, match=r"holds .* pass overwrite=True \(--overwrite\)"):
        upload_hugging_face(newer, "user/name")
    assert hub.repositories["user/name"].references["main"] == first
    upload_hugging_face(newer, "user/name", overwrite=True)
    repository = hub.repositories["user/name"]
    # The newer model has no class names; those of the earlier one would be wrong.
    assert "labels.txt" not in repository.commits[repository.references["main"]]
    assert "labels.txt" in repository.commits[first]


def test_a_public_repository_does_not_become_private(hub: HuggingFace, folder: Path) -> None:
    hub.add("user/name", {})
    with pytest.raises(ValueError, match="exists and is public"):
        upload_hugging_face(folder, "user/name", private=True)


@pytest.mark.parametrize(
    ("part", "fault", "reason"),
    [
        ("/api/repos/create", failing(403), "you have no access to it"),
        ("/api/repos/create", failing(500), "the hub answered 500"),
        ("/api/models/user/name", hang_up, "the connection broke off"),
        ("/preupload/", failing(413), "the hub answered 413"),
        ("/lfs/objects/batch", failing(507), "the hub answered 507"),
        ("/commit/", failing(412), "the hub answered 412"),
    ],
)
def test_a_hub_that_refuses_is_one_line(
    hub: HuggingFace,
    folder: Path,
    monkeypatch: pytest.MonkeyPatch,
    part: str,
    fault: Answer,
    reason: str,
) -> None:
    monkeypatch.setattr("time.sleep", lambda _: None)
    hub.faults[part] = fault
    with pytest.raises(PublishError, match=reason) as found:
        upload_hugging_face(folder, "user/name")
    assert "\n" not in str(found.value)
    assert "can't be published" in str(found.value)


def test_nobody_is_asked_without_a_token(
    hub: HuggingFace, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("HF_TOKEN")
    with pytest.raises(PublishError, match="log in with `hf auth login`"):
        upload_hugging_face(folder, "user/name")
    assert hub.requests == []
