import math

import numpy as np
import pytest
from PIL import Image

from keras_mixers.preprocessing import resize_and_crop
from tests.helpers.trained_digits import digits
from training.data import DataError, sample_images


def test_images_are_drawn_evenly_from_the_training_part():
    found = sample_images("digits", (16, 16, 1), most=100)
    train, _ = digits(held_out=False)
    # The first and then one in each hundredth.
    chosen = [train[math.ceil(i * len(train) / 100)] for i in range(100)]
    drawn = [resize_and_crop(Image.fromarray(scan[..., 0]), (16, 16)) for scan in chosen]
    np.testing.assert_array_equal(found, np.stack(drawn))


def test_all_images_are_drawn_from_a_small_data_set():
    train, _ = digits(held_out=False)
    assert len(sample_images("digits", (8, 8, 1), most=10_000)) == len(train)


@pytest.mark.parametrize(
    ("address", "message"),
    [
        ("nowhere", "There is no data set 'nowhere'"),
        ("digits", "digits: the number of channels is 1; expected 3"),
    ],
)
def test_data_that_do_not_fit_are_refused(address, message):
    with pytest.raises(DataError, match=message):
        sample_images(address, (32, 32, 3))
