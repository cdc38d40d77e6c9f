"""The digits: scikit-learn's scans, of which a fifth is held out."""

import numpy as np
import pytest
from sklearn.datasets import load_digits

from training.data import Data, evaluation_batches, open_data


@pytest.fixture(scope="module")
def data() -> Data:
    return open_data("digits")


def arrays(split) -> tuple[np.ndarray, np.ndarray]:
    [(images, labels)] = evaluation_batches(split, 2000, (8, 8))
    return images.numpy(), labels.numpy()


def test_has_ten_named_classes(data):
    assert (data.address, data.train.num_classes) == ("digits", 10)
    assert data.class_names == tuple("0123456789")


def test_the_first_of_every_five_scans_of_a_digit_is_held_out(data):
    assert (data.train.size, data.validation.size) == (1433, 364)
    images, labels = arrays(data.validation)
    scans = load_digits()
    for label in range(10):
        expected = np.rint(scans.images[scans.target == label][::5] * 255 / 16)
        np.testing.assert_array_equal(images[labels == label][..., 0], expected)


def test_no_scan_is_lost_or_in_both_splits(data):
    scans = load_digits()

    def rows(images, labels):
        return sorted(
            bytes(image) + bytes([label])
            for image, label in zip(images.reshape(-1, 64), labels, strict=True)
        )

    both = arrays(data.train), arrays(data.validation)
    images, labels = (np.concatenate(parts) for parts in zip(*both, strict=True))
    expected = np.rint(scans.images * 255 / 16).astype("uint8")
    assert rows(images, labels) == rows(expected, scans.target)


def test_images_are_bytes_that_use_the_whole_range(data):
    images, _ = arrays(data.validation)
    assert images.shape == (364, 8, 8, 1)
    assert images.dtype == np.uint8
    assert (images.min(), images.max()) == (0, 255)


def test_patches_that_do_not_fit_are_refused():
    with pytest.raises(ValueError, match="images are 8 x 8 pixels; expected sides of at least 9"):
        open_data("digits", min_side=9)
