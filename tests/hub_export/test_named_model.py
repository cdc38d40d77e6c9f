"""What the name of a model means."""

import os
from pathlib import Path

import pytest

from hub_export.named_model import Form, find_model


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A file or folder of each form; what is in them plays no part."""
    for name in ("run/model.keras", "run/saved_model.pb", "saved/saved_model.pb", "empty/a.keras"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    for name in ("a.keras", "a.tflite", "a.onnx", "a.tar.gz", "a.h5", "a.gz"):
        (tmp_path / name).touch()
    return tmp_path


@pytest.mark.parametrize(
    ("name", "form"),
    [
        ("run", Form.RUN),
        ("saved", Form.SAVED_MODEL),
        ("a.keras", Form.KERAS),
        ("a.tar.gz", Form.SAVED_MODEL),
        ("a.tflite", Form.TFLITE),
        ("a.onnx", Form.ONNX),
    ],
)
def test_forms(folder: Path, name: str, form: Form) -> None:
    found = find_model(folder / name)
    assert (found.form, found.path, found.weights) == (form, folder / name, None)
    with pytest.raises(ValueError, match=f"{name} has weights already; give the name of a variant"):
        find_model(folder / name, "imagenet")
    if form in (Form.RUN, Form.KERAS):
        found.require_keras()
    else:
        with pytest.raises(ValueError, match=f"{name} is {form}, which is an export itself; exp"):
            found.require_keras()


@pytest.mark.parametrize("name", ["a.h5", "a.gz", "empty"])
def test_what_is_no_model(folder: Path, name: str) -> None:
    with pytest.raises(ValueError, match=rf"{name} is no model; expected a run's folder with a f"):
        find_model(folder / name)


def test_variants(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert find_model("mixer_b16").weights is None
    assert find_model("mixer_b16", "imagenet").weights == "imagenet"
    Path("own.npz").touch()
    assert find_model("mixer_b16", "own.npz").weights == "own.npz"
    with pytest.raises(ValueError, match="There are no weights 'imagenot' of 'mixer_b16'; choose"):
        find_model("mixer_b16", "imagenot")
    with pytest.raises(ValueError, match="no variant 'mixer_b61'; did you mean mixer_b16"):
        find_model("mixer_b61", "imagenet")
    with pytest.raises(FileNotFoundError, match=r"There is no model 'a/mixer_b16'; expected"):
        find_model(os.path.join("a", "mixer_b16"))
    Path("mixer_b16").mkdir()
    Path("mixer_b16", "model.keras").touch()
    assert find_model("mixer_b16").form is Form.RUN


@pytest.mark.parametrize("name", ["hf://user/name", "hf://user/name@v1", "kaggle://o/m/keras/c/2"])
def test_addresses_on_hubs_are_found_without_asking_them(name):
    found = find_model(name)
    assert (found.form, found.name) == (Form.HUB, name)
    found.require_keras()
    with pytest.raises(ValueError, match="has weights already"):
        find_model(name, "imagenet")
    assert find_model("mixer_b16", name).weights == name


def test_malformed_addresses_are_told_by_their_form():
    for name in ("hf://name", "kaggle://o/m"):
        with pytest.raises(ValueError, match="is no address on a hub"):
            find_model(name)
        with pytest.raises(ValueError, match="is no address on a hub"):
            find_model("mixer_b16", name)
