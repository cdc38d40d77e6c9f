import dataclasses
import io
import json
import shutil

import keras
import numpy as np
import pytest
import tensorflow as tf
from PIL import Image
from rich.console import Console

from hub_export.compare import Comparison, compare
from keras_mixers_cli import quickstart
from keras_mixers_cli.quickstart import QuickstartError, run

FILES = ["labels.txt", "model.keras", "model.tflite", "picture.png", "result.json", "saved_model"]
SAME = Comparison("model.tflite", 0.99, 1.0, 1e-6, 100_000, 0.001)


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """The real quick start, run once: (folder, what it printed, what it returned)."""
    folder = tmp_path_factory.mktemp("quickstart") / "made" / "for it"
    printed = io.StringIO()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("sys.stdout", printed)
        results = run(folder)
    return folder, printed.getvalue(), results


def test_writes_all_files_and_nothing_else(finished):
    folder, _, _ = finished
    assert sorted(path.name for path in folder.iterdir()) == FILES
    assert (folder / "labels.txt").read_text().split() == list("0123456789")
    assert (folder / "saved_model" / "saved_model.pb").is_file()


def test_every_file_is_right_on_at_least_97_percent_and_agrees(finished):
    _, _, results = finished
    assert [result.file for result in results] == ["model.keras", "saved_model", "model.tflite"]
    for result in results:
        assert result.accuracy >= 0.97
        assert result.agreement == 1
        assert result.largest_difference <= 1e-5
        assert result.size > 50_000
        assert 0 < result.seconds_per_image < 1


def test_result_holds_the_numbers(finished):
    folder, _, results = finished
    content = json.loads((folder / "result.json").read_text())
    assert content["accuracy"] == results[0].accuracy
    assert content["files"] == [dataclasses.asdict(result) for result in results]
    assert content["parameters"] == 22474


def test_prints_progress_table_and_places(finished):
    folder, printed, results = finished
    assert f"Epoch {quickstart.EPOCHS}/{quickstart.EPOCHS}" in printed
    assert "val_accuracy" in printed
    assert f"{results[0].accuracy:.1%} of 364 held-out digits are right" in printed
    (row,) = (line for line in printed.splitlines() if "│ model.tflite" in line)
    assert f"{results[2].accuracy:.2%}" in row
    assert "100.0%" in row
    assert f"Everything is in {folder}." in printed


def test_saved_model_can_be_loaded_and_used_alone(finished):
    folder, _, _ = finished
    model = keras.models.load_model(folder / "model.keras")
    assert model.predict_on_batch(np.zeros((1, 8, 8, 1), "uint8")).shape == (1, 10)
    assert tf.saved_model.load(folder / "saved_model")(tf.zeros((2, 8, 8, 1))).shape == (2, 10)


def test_picture_is_large_enough_to_read(finished):
    with Image.open(finished[0] / "picture.png") as picture:
        assert picture.size == (1800, 960)


@pytest.fixture
def quick(monkeypatch):
    """The quick start with a stand-in for the training, whose model predicts at random."""
    monkeypatch.setattr(quickstart, "train", lambda model, builder: 0.0)
    monkeypatch.setattr(quickstart, "LEAST_ACCURACY", 0.0)


def test_bad_model_is_an_error_and_leaves_nothing(tmp_path, monkeypatch):
    monkeypatch.setattr(quickstart, "train", lambda model, builder: 0.0)
    with pytest.raises(QuickstartError, match=r"is right on \d+\.\d% of .*; expected at least 97%"):
        run(tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_bad_export_is_an_error_and_leaves_the_old_run_whole(tmp_path, monkeypatch, quick):
    monkeypatch.setattr(quickstart, "write_tflite", lambda model, path: path.write_text("new"))
    monkeypatch.setattr(
        quickstart, "load_tflite", lambda path: lambda images: np.eye(10)[[3] * len(images)]
    )
    (tmp_path / "model.tflite").write_text("old")
    with pytest.raises(QuickstartError, match=r"model\.tflite differs from the trained model"):
        run(tmp_path, overwrite=True)
    assert [path.name for path in tmp_path.iterdir()] == ["model.tflite"]
    assert (tmp_path / "model.tflite").read_text() == "old"


def test_overwriting_replaces_its_own_files_only(tmp_path, finished, quick, monkeypatch):
    monkeypatch.setattr(quickstart, "save_overview", lambda path, *_: path.touch())
    shutil.copytree(finished[0], tmp_path, dirs_exist_ok=True)
    (tmp_path / "notes.txt").write_text("mine")
    (tmp_path / "model.keras").write_text("damaged")
    run(tmp_path, overwrite=True)
    assert (tmp_path / "notes.txt").read_text() == "mine"
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted([*FILES, "notes.txt"])
    assert keras.models.load_model(tmp_path / "model.keras").name == "convmixer_64_4_digits"


def test_folder_in_use_is_refused(tmp_path):
    (tmp_path / "notes.txt").write_text("mine")
    with pytest.raises(QuickstartError, match="is not empty; choose another one, or pass"):
        run(tmp_path)


def test_file_in_place_of_the_folder_is_refused(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(QuickstartError, match=r"/file' is a file; choose a folder"):
        run(tmp_path / "file")


def test_folder_of_other_things_named_as_a_result_is_refused(tmp_path):
    (tmp_path / "saved_model").mkdir()
    (tmp_path / "saved_model" / "notes.txt").touch()
    with pytest.raises(QuickstartError, match=r"no folder with a file 'saved_model\.pb'"):
        run(tmp_path, overwrite=True)
    assert (tmp_path / "saved_model" / "notes.txt").exists()


@pytest.mark.parametrize("worse", [{"agreement": 0.99}, {"largest_difference": 0.1}])
def test_a_file_that_disagrees_is_named_with_its_numbers(worse):
    quickstart.check_agreement([SAME])
    with pytest.raises(QuickstartError, match=r"model\.tflite differs .* Nothing was written\."):
        quickstart.check_agreement([SAME, dataclasses.replace(SAME, **worse)])


def test_nan_is_no_agreement():
    with pytest.raises(QuickstartError, match="differ by up to nan"):
        quickstart.check_agreement([dataclasses.replace(SAME, largest_difference=float("nan"))])
    with pytest.raises(QuickstartError, match="right on nan%"):
        quickstart.check_accuracy(float("nan"))


def test_compare_measures_what_it_says(tmp_path):
    path = tmp_path / "model"
    (path / "part").mkdir(parents=True)
    (path / "part" / "a").write_bytes(b"12345")
    (path / "b").write_bytes(b"123")
    images = np.zeros((4, 1, 1, 1), "uint8")
    predicted = np.array([[0.9, 0.1], [0.2, 0.8], [0.6, 0.4], [0.7, 0.3]])
    expected = np.array([[0.9, 0.1], [0.2, 0.8], [0.4, 0.6], [0.7, 0.3]])
    labels = np.array([0, 1, 1, 1])
    result = compare(path, lambda images: predicted[: len(images)], images, labels, expected)
    assert (result.file, result.size) == ("model", 8)
    assert (result.accuracy, result.agreement) == (0.5, 0.75)
    assert result.largest_difference == pytest.approx(0.2)
    assert result.seconds_per_image > 0


def test_table_fits_a_terminal_of_80_columns():
    console = Console(width=80, file=io.StringIO())
    console.print(quickstart.table([SAME]))
    (row,) = (line for line in console.file.getvalue().splitlines() if "model.tflite" in line)
    assert [cell.strip() for cell in row.strip("│ ").split("│")] == [
        "model.tflite",
        "99.00%",
        "100.0%",
        "1.0e-06",
        "100 kB",
        "1.00 ms",
    ]
