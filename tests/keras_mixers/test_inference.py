"""Probabilities of a model; `tests/cli/test_predict.py` has the rest."""

import numpy as np
import pytest

import keras_mixers
from keras_mixers.inference import probabilities


@pytest.mark.parametrize("images", [[], np.zeros((0, 8, 8, 3)), np.zeros((8, 8, 3), "uint8")])
def test_no_image_is_told_in_one_line(images) -> None:
    model = keras_mixers.ConvMixer(4, 1, 4, 3, input_shape=(8, 8, 3), classes=2)
    with pytest.raises(
        ValueError, match=r"^pixels must be one image or more, \(B, H, W, C\); rec.*$"
    ):
        probabilities(model, images)
    assert probabilities(model, np.zeros((1, 8, 8, 3), "uint8")).shape == (1, 2)
