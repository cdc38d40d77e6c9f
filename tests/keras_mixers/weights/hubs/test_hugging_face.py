import errno
import json
import os
import re
import sys
from collections.abc import Iterator
from pathlib import Path

import keras
import numpy as np
import pytest
from keras.src.saving.serialization_lib import SafeModeScope

import keras_mixers
from keras_mixers.weights.hubs.fetch import fetch_model, fetch_weights
from tests.helpers.hubs.hugging_face import TOKEN, HuggingFace, Repository, hugging_face
from tests.helpers.hubs.server import Answer, Handler, failing, hang_up
from tests.keras_mixers.weights.hubs.models import CLASSES, NAMES, TIMM, conv_mixer, files_of

ADDRESS = "hf://user/name"


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[HuggingFace]:
    with hugging_face(tmp_path, monkeypatch) as server:
        yield server


@pytest.fixture
def model() -> keras.Model:
    return conv_mixer()


@pytest.fixture
def repository(hub: HuggingFace, model: keras.Model, tmp_path: Path) -> Repository:
    return hub.add("user/name", files_of(model, tmp_path))


def assert_same(found: keras.Model, expected: keras.Model) -> None:
    for ours, theirs in zip(found.weights, expected.weights, strict=True):
        np.testing.assert_array_equal(ours, theirs)


def asked_for(hub: HuggingFace) -> set[str]:
    """Return the files that were downloaded."""
    return {line.rpartition("/")[2] for line in hub.requests if line.startswith("GET /user/")}


@pytest.mark.usefixtures("repository")
def test_loads_a_model_with_what_belongs_to_it_and_nothing_else(
    hub: HuggingFace, model: keras.Model
) -> None:
    assert_same(keras_mixers.load(ADDRESS), model)
    assert asked_for(hub) == {"model.keras", "labels.txt", "preprocessing.json"}
    assert fetch_model(ADDRESS).with_name("labels.txt").read_bytes() == NAMES


def test_a_folder_and_a_file_are_loaded_in_the_same_way(model: keras.Model, tmp_path: Path) -> None:
    model.save(tmp_path / "model.keras")
    for place in (tmp_path, tmp_path / "model.keras", str(tmp_path)):
        assert_same(keras_mixers.load(place), model)


@pytest.mark.usefixtures("repository")
def test_weights_are_loaded_with_their_preprocessing(hub: HuggingFace, model: keras.Model) -> None:
    found = conv_mixer(weights=ADDRESS)
    assert_same(found, model)
    assert asked_for(hub) == {"model.safetensors", "labels.txt", "preprocessing.json"}
    scale = found.get_layer("preprocessing").scale
    np.testing.assert_allclose(scale, [1 / (255 * 0.2)] * 3, rtol=1e-6)


def test_timms_configuration_gives_the_preprocessing_too(
    hub: HuggingFace, model: keras.Model, tmp_path: Path
) -> None:
    files = files_of(model, tmp_path)
    weights = files["model.safetensors"]
    config = json.dumps(TIMM).encode()
    hub.add("timm/any.in1k", {"model.safetensors": weights, "config.json": config})
    found = fetch_weights("hf://timm/any.in1k", "ConvMixer", 1)
    assert found.preprocessing is not None
    assert found.preprocessing.mean == (0.3, 0.3, 0.3)
    assert found.classes == CLASSES


@pytest.mark.parametrize(
    ("config", "classes", "first"),
    [
        ({"label_names": ["x", "y", "z"]}, 3, "x"),
        ({"label_names": ["x", "y"]}, 3, None),
        ({"label_names": {"0": "x"}}, 3, None),
        ({"num_classes": 1000, "pretrained_cfg": {"tag": "a_ft_in1k"}}, 1000, "tench"),
        ({"num_classes": 1000, "pretrained_cfg": {"tag": "in21k"}}, 1000, None),
    ],
)
def test_timms_configuration_names_the_classes(
    hub: HuggingFace, tmp_path: Path, config: dict, classes: int, first: str | None
) -> None:
    weights = files_of(conv_mixer(classes=classes), tmp_path)["model.safetensors"]
    written = json.dumps({"architecture": "any", **config}).encode()
    hub.add("user/name", {"model.safetensors": weights, "config.json": written})
    labels = fetch_weights(ADDRESS, "ConvMixer", 1).labels
    assert (None if labels is None else labels[0]) == first


@pytest.mark.parametrize("config", [b"{", b"[]", b'{"mean": 1, "std": 2}', b'{"model_type": "x"}'])
def test_a_configuration_of_others_is_no_obstacle(
    hub: HuggingFace, model: keras.Model, tmp_path: Path, config: bytes
) -> None:
    weights = files_of(model, tmp_path)["model.safetensors"]
    hub.add("user/name", {"model.safetensors": weights, "config.json": config})
    assert fetch_weights(ADDRESS, "ConvMixer", 1).preprocessing is None
    assert_same(conv_mixer(weights=ADDRESS), model)


@pytest.mark.usefixtures("repository")
def test_a_head_for_other_classes_keeps_its_initial_weights(
    model: keras.Model, caplog: pytest.LogCaptureFixture
) -> None:
    found = conv_mixer(weights=ADDRESS, classes=CLASSES + 1)
    np.testing.assert_array_equal(
        found.get_layer("block_0").get_weights()[0], model.get_layer("block_0").get_weights()[0]
    )
    assert "the head for 4 classes keeps its initial weights" in caplog.text


def test_a_variant_gets_the_number_of_classes_from_the_hub(
    hub: HuggingFace, tmp_path: Path
) -> None:
    trained = keras_mixers.create_model("convmixer_256_8_p2_k5", classes=4)
    hub.add("user/name", files_of(trained, tmp_path))
    found = keras_mixers.create_model("convmixer_256_8_p2_k5", weights=ADDRESS)
    assert_same(found, trained)


def test_a_commit_pins_the_model_and_needs_no_further_request(
    hub: HuggingFace, repository: Repository, model: keras.Model, tmp_path: Path
) -> None:
    first = repository.references["main"]
    repository.references["v1"] = first
    newer = conv_mixer()
    repository.commit(files_of(newer, tmp_path))
    assert_same(keras_mixers.load(ADDRESS), newer)
    assert_same(keras_mixers.load(f"{ADDRESS}@v1"), model)
    hub.requests.clear()
    assert_same(keras_mixers.load(f"{ADDRESS}@{first}"), model)
    assert hub.requests == []


def test_files_have_a_name_of_their_own_if_asked_for(
    hub: HuggingFace, model: keras.Model, tmp_path: Path
) -> None:
    files = files_of(model, tmp_path)
    hub.add("user/name", {f"best/{name}": content for name, content in files.items()})
    assert_same(keras_mixers.load(f"{ADDRESS}/best/model.keras"), model)
    assert fetch_model(f"{ADDRESS}/best/model.keras").with_name("labels.txt").is_file()
    assert_same(conv_mixer(weights=f"{ADDRESS}/best/model.safetensors"), model)


def test_without_a_connection_the_cache_is_used(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, model: keras.Model
) -> None:
    with hugging_face(tmp_path, monkeypatch) as hub:
        hub.add("user/name", files_of(model, tmp_path))
        keras_mixers.load(ADDRESS)
    assert_same(keras_mixers.load(ADDRESS), model)
    with pytest.raises(keras_mixers.DownloadError, match="the cache has no whole copy") as found:
        keras_mixers.load("hf://user/other")
    assert "\n" not in str(found.value)


def test_a_private_repository_needs_a_token(
    repository: Repository, model: keras.Model, monkeypatch: pytest.MonkeyPatch
) -> None:
    repository.private = True
    with pytest.raises(keras_mixers.DownloadError, match=r"or it is private; .* HF_TOKEN"):
        keras_mixers.load(ADDRESS)
    monkeypatch.setenv("HF_TOKEN", TOKEN)
    assert_same(keras_mixers.load(ADDRESS), model)


@pytest.mark.parametrize(
    ("address", "reason"),
    [
        ("hf://user/none", "there is no such repository"),
        (f"{ADDRESS}@v9", "no such branch, tag or commit"),
        (f"{ADDRESS}@{'0' * 40}", "no such branch, tag or commit"),
        (f"{ADDRESS}/other.keras", r"has no file 'other.keras', but model.keras, .*"),
        (f"{ADDRESS}/model.safetensors", "is a .safetensors file; expected .keras"),
        ("hf://name", "is no address"),
    ],
)
@pytest.mark.usefixtures("repository")
def test_what_is_not_there_is_one_line(address: str, reason: str) -> None:
    with pytest.raises((keras_mixers.DownloadError, ValueError), match=reason) as found:
        keras_mixers.load(address)
    assert "\n" not in str(found.value)


def test_names_of_files_can_not_steer_the_terminal(hub: HuggingFace) -> None:
    hub.add("user/name", {"a\nb\x1b[2J.bin": b"", **{f"{i}.bin": b"" for i in range(9)}})
    with pytest.raises(keras_mixers.DownloadError, match=r"but a\\nb\\x1b\[2J\.bin, .* \.\.\.;"):
        keras_mixers.load(ADDRESS)


def test_a_full_disk_is_one_line(repository: Repository, monkeypatch: pytest.MonkeyPatch) -> None:
    def fill(*_: object, **__: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr("huggingface_hub.file_download.http_get", fill)
    with pytest.raises(keras_mixers.DownloadError, match=r"the disk is full; .* HF_HOME"):
        keras_mixers.load(ADDRESS)


def cut(handler: Handler) -> None:
    """Break off in the middle of a file; the first answer, to HEAD, is right."""
    if handler.command == "HEAD":
        handler.server.answer(handler)
        return
    handler.send(200, b"half", Content_Length="1000")
    handler.close_connection = True


def wrong(handler: Handler) -> None:
    """Send other bytes than those whose checksum was promised."""
    if handler.command == "HEAD":
        handler.server.answer(handler)
        return
    (files,) = handler.server.repositories["user/name"].commits.values()
    handler.send(200, bytes(len(files["model.keras"])))


@pytest.mark.parametrize(
    ("part", "fault", "reason"),
    [
        ("/revision/", failing(401), "the hub doesn't know you"),
        ("/revision/", failing(403, X_Error_Code="GatedRepo"), "its owner must give you access"),
        ("/revision/", failing(500), "the hub answered 500"),
        ("/tree/", failing(500), "the hub answered 500"),
        ("/revision/", hang_up, "the connection broke off|can't be reached"),
        ("/model.keras", failing(403), "the hub answered 403"),
        ("/model.keras", cut, "broke off|bytes|body"),
        ("/model.keras", wrong, "is damaged: it has the sha256"),
    ],
)
@pytest.mark.usefixtures("repository")
def test_a_hub_that_fails_is_one_line(
    hub: HuggingFace, monkeypatch: pytest.MonkeyPatch, part: str, fault: Answer, reason: str
) -> None:
    monkeypatch.setattr("time.sleep", lambda _: None)  # The client tries again, later and later.
    hub.faults[part] = fault
    with pytest.raises(keras_mixers.DownloadError, match=reason) as found:
        keras_mixers.load(ADDRESS)
    assert "\n" not in str(found.value)
    assert str(found.value).startswith(("hf://user/name", "model.keras of hf://user/name"))


@pytest.mark.usefixtures("repository")
def test_a_damaged_file_is_downloaded_again_once_it_is_removed(
    hub: HuggingFace, model: keras.Model
) -> None:
    hub.faults["/model.keras"] = wrong
    with pytest.raises(keras_mixers.DownloadError, match="is damaged") as found:
        keras_mixers.load(ADDRESS)
    hub.faults.clear()
    Path(re.search(r"remove (\S+), and", str(found.value))[1]).unlink()
    assert_same(keras_mixers.load(ADDRESS), model)


def test_a_model_that_holds_code_is_refused(hub: HuggingFace, tmp_path: Path) -> None:
    images = keras.Input((16, 16, 3))
    outputs = keras.layers.Lambda(lambda x: x)(images)
    keras.Model(images, outputs).save(tmp_path / "model.keras")
    hub.add("user/name", {"model.keras": (tmp_path / "model.keras").read_bytes()})
    refused = pytest.raises(ValueError, match=r"can't be loaded as a Keras model .*Lambda")
    # Even where everything else may run code.
    with SafeModeScope(safe_mode=False), refused:
        keras_mixers.load(ADDRESS)


def test_a_missing_client_is_told_with_what_installs_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "huggingface_hub", None)
    with pytest.raises(ImportError, match=r"pip install 'keras-mixers\[hubs\]'"):
        keras_mixers.load(ADDRESS)
