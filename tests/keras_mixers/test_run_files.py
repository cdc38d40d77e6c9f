import json
from dataclasses import asdict

import pytest

from keras_mixers.catalogue.preprocessing import Preprocessing
from keras_mixers.run_files import find_labels, read_preprocessing

PREPROCESSING = Preprocessing((0.4, 0.5, 0.6), (0.2, 0.25, 0.3), 0.875, "bilinear")


def test_preprocessing_is_read_as_it_was_written(tmp_path):
    assert read_preprocessing(tmp_path) is None
    (tmp_path / "preprocessing.json").write_text(json.dumps(asdict(PREPROCESSING)))
    assert read_preprocessing(tmp_path) == PREPROCESSING


def test_a_file_has_no_preprocessing_beside_it(tmp_path):
    (tmp_path / "preprocessing.json").write_text(json.dumps(asdict(PREPROCESSING)))
    (tmp_path / "model.keras").touch()
    assert read_preprocessing(tmp_path / "model.keras") is None


@pytest.mark.parametrize(
    "change",
    [
        {"mean": [0.5, 0.5]},
        {"mean": 0.5},
        {"std": ["a", "b", "c"]},
        {"std": [0.5, 0.5, float("nan")]},
        {"crop": 0},
        {"crop": 1.5},
        {"crop": "0.9"},
        {"crop": None},
        {"interpolation": "nearest"},
        {"interpolation": ["bicubic"]},
    ],
    ids=str,
)
def test_values_that_no_run_has_are_refused(tmp_path, change):
    content = json.dumps({**asdict(PREPROCESSING), **change})
    (tmp_path / "preprocessing.json").write_text(content)
    with pytest.raises(
        ValueError, match=r"^.*/preprocessing\.json is not the preprocessing of a run; "
    ):
        read_preprocessing(tmp_path)


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"{}", b"7", b"\xff\xfe", b'{"mean": {}}'])
def test_files_that_are_no_preprocessing_are_refused(tmp_path, content):
    (tmp_path / "preprocessing.json").write_bytes(content)
    with pytest.raises(
        ValueError, match=r"preprocessing\.json is not the preprocessing of a run; "
    ):
        read_preprocessing(tmp_path)


def test_labels_of_a_folder_must_fit(tmp_path):
    assert find_labels(tmp_path, 2) is None
    (tmp_path / "labels.txt").write_text("cat\ndog\n")
    assert find_labels(tmp_path, 2) == ["cat", "dog"]
    with pytest.raises(ValueError, match="received 2 names for 3 classes"):
        find_labels(tmp_path, 3)


def test_labels_beside_a_file_are_used_if_they_fit(tmp_path):
    model = tmp_path / "mine.keras"
    assert find_labels(model, 2) is None
    (tmp_path / "labels.txt").write_text("cat\ndog\n")
    assert find_labels(model, 2) == ["cat", "dog"]
    with pytest.warns(UserWarning, match=r"beside mine\.keras are ignored: .* 2 names for 3 cl"):
        assert find_labels(model, 3) is None


def test_labels_that_are_given_go_first(tmp_path):
    (tmp_path / "labels.txt").write_text("cat\ndog\n")
    own = tmp_path / "own.txt"
    own.write_text("ant\nbee\n")
    for path in (tmp_path, tmp_path / "mine.keras"):
        assert find_labels(path, 2, own) == ["ant", "bee"]
        with pytest.raises(FileNotFoundError, match=r"missing\.txt"):
            find_labels(path, 2, tmp_path / "missing.txt")
