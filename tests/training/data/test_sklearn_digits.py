import socket

import numpy as np
import pytest
import tensorflow_datasets as tfds
from sklearn.datasets import load_digits

from tests.training.data import sklearn_digits as digits


@pytest.fixture(scope="module")
def builder(tmp_path_factory):
    return digits.prepare(tmp_path_factory.mktemp("data"))


def test_splits_are_a_fixed_stratified_fifth(builder):
    _, train = digits.arrays(builder, "train")
    _, test = digits.arrays(builder, "test")
    every = np.bincount(load_digits().target)
    assert (len(train), len(test)) == (1433, 364)
    assert np.bincount(test).tolist() == np.ceil(every / 5).tolist()
    assert (np.bincount(train) + np.bincount(test)).tolist() == every.tolist()


def test_no_scan_is_lost_or_in_both_splits(builder):
    parts = [digits.arrays(builder, split)[0] for split in ("train", "test")]
    expected = np.rint(load_digits().images * 255 / 16).astype("uint8")

    def rows(images):
        return sorted(map(bytes, images.reshape(-1, 64)))

    assert rows(np.concatenate(parts)) == rows(expected)


def test_images_are_bytes_that_use_the_whole_range(builder):
    images, labels = digits.arrays(builder, "test")
    assert images.shape == (364, 8, 8, 1)
    assert images.dtype == np.uint8
    assert (images.min(), images.max()) == (0, 255)
    assert labels.dtype == np.int64


def test_labels_have_names(builder):
    assert builder.info.features["label"].names == list("0123456789")


def test_an_example_is_the_scan_of_its_label(builder):
    images, labels = digits.arrays(builder, "test")
    first_of_each = {int(label): images[labels == label] for label in range(10)}
    scans = load_digits()
    for label, found in first_of_each.items():
        first = np.rint(scans.images[scans.target == label][0] * 255 / 16)
        assert (found[..., 0] == first).all(axis=(1, 2)).any()


def test_prepared_data_are_the_same_again_and_are_reused(builder, tmp_path):
    again = digits.prepare(tmp_path)
    for split in ("train", "test"):
        for one, other in zip(
            digits.arrays(builder, split), digits.arrays(again, split), strict=True
        ):
            np.testing.assert_array_equal(one, other)
    written = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*")}
    digits.prepare(tmp_path)
    assert {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*")} == written


def test_nothing_asks_the_network_or_talks(tmp_path, monkeypatch, capfd):
    def refuse(*_):
        raise AssertionError("a connection was tried")

    def refuse_bucket(*_):
        raise AssertionError("Google's bucket was asked")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(tfds.core.utils.gcs_utils, "exists", refuse_bucket)
    monkeypatch.setattr(tfds.core.utils.gcs_utils, "_is_gcs_disabled", False)
    digits.prepare(tmp_path)
    assert capfd.readouterr() == ("", "")


def test_tfds_load_finds_it(builder):
    data = tfds.load(
        "sklearn_digits",
        split="train[:10%]",
        data_dir=builder.data_path.parent.parent,
        as_supervised=True,
    )
    image, label = next(iter(data))
    assert image.shape == (8, 8, 1)
    assert 0 <= int(label) < 10
    assert len(data) == 143
