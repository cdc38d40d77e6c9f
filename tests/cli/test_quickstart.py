"""`keras-mixers quickstart`: once as a user runs it, then with stand-ins for the slow parts."""

import json
from pathlib import Path
from types import SimpleNamespace

import keras
import numpy as np
import pytest
import tensorflow as tf
from ai_edge_litert.interpreter import Interpreter
from PIL import Image

from hub_export.exportable_model import load_exportable_model
from hub_export.verification.comparison import OutputCheck, Tolerances, Verification
from keras_mixers import ConvMixer
from keras_mixers_cli import quickstart
from tests.helpers.command_line import failure, run
from tests.helpers.trained_digits import digits

FILES = ["labels.txt", "model.keras", "model.tflite", "picture.png", "result.json", "saved_model"]


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """The folder of a real quick start, and what it printed."""
    folder = tmp_path_factory.mktemp("quickstart") / "made" / "for it"
    result = run("quickstart", "--out", folder)
    assert result.exit_code == 0, result.output
    return folder, result.stdout


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


@pytest.mark.slow
def test_writes_these_files_and_nothing_else(finished: tuple[Path, str]) -> None:
    folder, _ = finished
    assert names(folder) == FILES
    assert (folder / "labels.txt").read_text().split() == list("0123456789")
    with Image.open(folder / "picture.png") as picture:
        assert picture.size == (1800, 960)


@pytest.mark.slow
def test_every_file_classifies_97_percent_of_the_held_out_digits(
    finished: tuple[Path, str],
) -> None:
    folder, _ = finished
    images, labels = digits(held_out=True)
    tflite = Interpreter(str(folder / "model.tflite")).get_signature_runner()
    scores = {
        "model.keras": keras.models.load_model(folder / "model.keras").predict(images, verbose=0),
        "saved_model": tf.saved_model.load(folder / "saved_model")(images / np.float32(255)),
        "model.tflite": [
            tflite(images=image[None].astype("float32"))["output_0"][0] for image in images
        ],
    }
    for name, found in scores.items():
        assert np.mean(np.argmax(found, axis=-1) == labels) >= 0.97, name


@pytest.mark.slow
def test_says_what_it_does_and_found(finished: tuple[Path, str]) -> None:
    folder, printed = finished
    assert "epoch 20/20" in printed
    rows = {line.split()[0]: line.split()[1:] for line in printed.splitlines() if line.strip()}
    accuracy = json.loads((folder / "result.json").read_text())["accuracy"]
    assert rows["model.keras"][0] == f"{accuracy:.2%}"
    for export in ("saved_model", "model.tflite"):
        same_class, difference, size, unit = rows[export]
        assert (same_class, unit) == ("100.00%", "kB")
        assert float(difference) <= 1e-5
        assert int(size) > 50
    assert f"Everything is in {folder}." in printed


@pytest.mark.slow
def test_folder_is_taken_by_predict_and_export(finished: tuple[Path, str], tmp_path: Path) -> None:
    folder, _ = finished
    images, labels = digits(held_out=True)
    for label in range(10):
        Image.fromarray(images[labels == label][0, ..., 0]).save(tmp_path / f"{label}.png")
    result = run("predict", folder, "--top", 1, *sorted(tmp_path.iterdir()))
    assert result.exit_code == 0, result.output
    assert sum(line.endswith(".png") for line in result.stdout.splitlines()) == 10
    exportable = load_exportable_model(str(folder))
    assert exportable.labels == list("0123456789")
    assert exportable.facts.accuracy >= 0.97


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """The quick start of a network that was not trained, with exports that hold a word."""

    def export(
        model: keras.Model, path: Path, labels: tuple[str, ...], data: np.ndarray
    ) -> Verification:
        assert len(data) == 364
        if path.suffix:
            path.write_text("new")
        else:
            path.mkdir()
            (path / "saved_model.pb").write_text("new")
        return Verification(
            path.name, len(data), (OutputCheck("call", Tolerances(1e-5), 1e-7, 1.0),)
        )

    network = ConvMixer(4, 1, 2, 3, classes=10, input_shape=(8, 8, 1), name="untrained")
    result = SimpleNamespace(network=network, to_dict=lambda: {"model": network.name})
    monkeypatch.setattr(quickstart, "train", lambda recipe: result)
    monkeypatch.setattr(quickstart, "export_saved_model", export)
    monkeypatch.setattr(quickstart, "export_tflite", export)
    monkeypatch.setattr(quickstart, "save_overview", lambda path, *_: path.write_text("new"))
    monkeypatch.setattr(quickstart, "LEAST_ACCURACY", 0.0)


@pytest.fixture
def earlier(tmp_path: Path) -> Path:
    """A folder with what an earlier quick start left, and a file of the user's."""
    (tmp_path / "saved_model").mkdir()
    (tmp_path / "saved_model" / "saved_model.pb").write_text("old")
    for name in {*FILES, "notes.txt"} - {"saved_model"}:
        (tmp_path / name).write_text("old")
    return tmp_path


def test_overwriting_replaces_its_own_files_only(quick: None, earlier: Path) -> None:
    result = run("quickstart", "--out", earlier, "--overwrite")
    assert result.exit_code == 0, result.output
    assert names(earlier) == sorted([*FILES, "notes.txt"])
    assert (earlier / "notes.txt").read_text() == "old"
    for name in ("model.tflite", "picture.png", "saved_model/saved_model.pb"):
        assert (earlier / name).read_text() == "new"
    assert keras.models.load_model(earlier / "model.keras").name == "untrained"
    assert json.loads((earlier / "result.json").read_text())["model"] == "untrained"


def test_failed_export_leaves_the_earlier_run_whole(
    quick: None, earlier: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object, **options: object) -> Verification:
        raise ValueError("model.tflite is not the model.")

    monkeypatch.setattr(quickstart, "export_tflite", fail)
    result = run("quickstart", "--out", earlier, "--overwrite")
    assert result.exit_code == 1
    assert result.stderr == "error: model.tflite is not the model.\n"
    assert names(earlier) == sorted([*FILES, "notes.txt"])
    for path in (path for path in earlier.rglob("*") if path.is_file()):
        assert path.read_text() == "old"


def test_inaccurate_model_is_an_error_and_leaves_nothing(
    quick: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(quickstart, "LEAST_ACCURACY", 0.97)
    result = run("quickstart", "--out", tmp_path)
    assert result.exit_code == 1
    assert "% of the held-out digits; expected at least 97%. Nothing was written." in result.stderr
    assert result.stderr.count("\n") == 1
    assert names(tmp_path) == []
    assert run("quickstart", "--out", tmp_path / "new").exit_code == 1
    assert names(tmp_path) == []


def test_folders_that_cannot_be_used_are_refused(tmp_path: Path) -> None:
    notes = tmp_path / "notes.txt"
    notes.write_text("mine")
    assert "is not empty; choose another one, or" in failure(run("quickstart", "--out", tmp_path))
    assert "is a file; choose a folder" in failure(run("quickstart", "--out", notes))
    # A folder that no user may write into, root neither.
    assert "into the folder '/proc'" in failure(run("quickstart", "--out", "/proc/results"))
    (tmp_path / "saved_model").mkdir()
    message = failure(run("quickstart", "--out", tmp_path, "--overwrite"))
    assert (
        "saved_model' is not a folder with a file 'saved_model.pb', so it is not replaced"
        in message
    )
    assert names(tmp_path) == ["notes.txt", "saved_model"]
