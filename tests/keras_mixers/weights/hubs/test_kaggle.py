import logging
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import keras
import numpy as np
import pytest

import keras_mixers
from keras_mixers.weights.hubs.fetch import fetch_model
from tests.helpers.hubs.kaggle import Files, Kaggle, kaggle
from tests.helpers.hubs.server import Answer, Handler, failing, hang_up
from tests.keras_mixers.weights.hubs.models import NAMES, conv_mixer, files_of

VARIATION = "owner/model/KERAS/classification"
ADDRESS = "kaggle://owner/model/keras/classification"


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Kaggle]:
    with kaggle(tmp_path, monkeypatch) as server:
        yield server


@pytest.fixture
def model() -> keras.Model:
    return conv_mixer()


@pytest.fixture
def files(model: keras.Model, tmp_path: Path) -> Files:
    return files_of(model, tmp_path)


def assert_same(found: keras.Model, expected: keras.Model) -> None:
    for ours, theirs in zip(found.weights, expected.weights, strict=True):
        np.testing.assert_array_equal(ours, theirs)


def test_loads_a_model_with_what_belongs_to_it(
    hub: Kaggle, model: keras.Model, files: Files
) -> None:
    hub.add(VARIATION, files)
    assert_same(keras_mixers.load(ADDRESS), model)
    assert fetch_model(ADDRESS).with_name("labels.txt").read_bytes() == NAMES
    assert not fetch_model(ADDRESS).with_name("pytorch_model.bin").exists()
    assert_same(conv_mixer(weights=ADDRESS), model)


def test_a_version_pins_the_model_and_needs_no_connection(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, model: keras.Model, files: Files
) -> None:
    newer = conv_mixer()
    with kaggle(tmp_path, monkeypatch) as hub:
        hub.add(VARIATION, files, files_of(newer, tmp_path))
        assert_same(keras_mixers.load(ADDRESS), newer)
        assert_same(keras_mixers.load(f"{ADDRESS}/1"), model)
    assert_same(keras_mixers.load(f"{ADDRESS}/1"), model)
    with pytest.raises(keras_mixers.DownloadError, match="there is no connection to the hub"):
        keras_mixers.load(ADDRESS)


def test_names_that_can_not_be_asked_for_are_told(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    model: keras.Model,
    files: Files,
    caplog: pytest.LogCaptureFixture,
) -> None:
    with kaggle(tmp_path, monkeypatch) as hub:
        hub.add(VARIATION, {"model.keras": files["model.keras"]})
        keras_mixers.load(f"{ADDRESS}/1")
    with caplog.at_level(logging.WARNING):
        assert_same(keras_mixers.load(f"{ADDRESS}/1"), model)
    assert "whether it has a file labels.txt can't be asked for now" in caplog.text


def test_one_of_several_downloads_and_the_others_wait(hub: Kaggle, files: Files) -> None:
    hub.add(VARIATION, files)
    with ThreadPoolExecutor(4) as executor:
        paths = set(executor.map(fetch_model, [f"{ADDRESS}/1"] * 4))
    assert [path.read_bytes() for path in paths] == [files["model.keras"]]
    # The model, its names and its preprocessing, once each.
    assert sum("Download" in line for line in hub.requests) == 3


def cut(handler: Handler) -> None:
    """Break off in the middle of a file."""
    handler.send(200, b"half", Content_Length="1000")
    handler.close_connection = True


def wrong(handler: Handler) -> None:
    """Send other bytes than the checksum says."""
    handler.send(200, b"other", x_goog_hash="md5=CY9rzUYh03PK3k6DJie09g==")


@pytest.mark.parametrize(
    ("address", "part", "fault", "reason"),
    [
        ("kaggle://owner/none/keras/classification", "none", None, "there is no such model"),
        (f"{ADDRESS}/7", "none", None, "there is no such model, version or file"),
        ("kaggle://owner/model/kerasse/c", "none", None, "is not a valid ModelFramework"),
        (f"{ADDRESS}/1/other.keras", "none", None, "there is no such model, version or file"),
        (ADDRESS, "Instance", failing(401), r"the hub doesn't know you: .* KAGGLE_API_TOKEN"),
        (ADDRESS, "Instance", failing(403), "you have no access to it"),
        (ADDRESS, "Instance", failing(500), "the hub answered 500"),
        (ADDRESS, "Instance", hang_up, "there is no connection|broke off"),
        (ADDRESS, "Download", cut, "the connection broke off"),
        (ADDRESS, "Download", wrong, "the file arrived damaged"),
    ],
)
def test_a_hub_that_fails_is_one_line(
    hub: Kaggle, files: Files, address: str, part: str, fault: Answer | None, reason: str
) -> None:
    hub.add(VARIATION, files)
    if fault is not None:
        hub.faults[part] = fault
    with pytest.raises(keras_mixers.DownloadError, match=reason) as found:
        keras_mixers.load(address)
    assert "\n" not in str(found.value)
    hub.faults.clear()
    keras_mixers.load(ADDRESS)  # Nothing damaged was kept.


def test_a_missing_client_is_told_with_what_installs_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "kagglehub", None)
    with pytest.raises(ImportError, match=r"pip install 'keras-mixers\[hubs\]'"):
        keras_mixers.load(ADDRESS)
