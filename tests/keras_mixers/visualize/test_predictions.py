import numpy as np
import pytest
from PIL import Image

import keras_mixers
from keras_mixers.visualize import WRONG, prediction_sheet, save_overview

IMAGES = np.random.default_rng(0).integers(0, 256, (3, 8, 8, 1), dtype="uint8")
PROBABILITIES = np.array([[0.9, 0.1], [0.25, 0.75], [0.2, 0.8]])
LABELS = np.array([0, 1, 0])


def test_sheet_has_prediction_and_confidence_of_each_image():
    figure = prediction_sheet(IMAGES, PROBABILITIES, LABELS, ["cat", "dog"], columns=2)
    titles = [axes.get_title() for axes in figure.axes]
    assert titles == ["cat  90 %", "dog  75 %", "dog, not cat  80 %"]
    shown = np.asarray(figure.axes[0].images[0].get_array())
    np.testing.assert_allclose(shown, IMAGES[0, ..., 0] / 255)


def test_only_wrong_predictions_are_red():
    figure = prediction_sheet(IMAGES, PROBABILITIES, LABELS, ["cat", "dog"])
    colors = [axes.title.get_color() for axes in figure.axes]
    assert [color == WRONG for color in colors] == [False, False, True]


def test_sheet_of_colour_images():
    figure = prediction_sheet(np.repeat(IMAGES, 3, -1), PROBABILITIES, LABELS, ["cat", "dog"])
    assert figure.axes[0].images[0].get_array().shape == (8, 8, 3)


def test_other_numbers_of_images_are_refused():
    with pytest.raises(ValueError, match="received 2 images, 3 predictions and 3 labels"):
        prediction_sheet(IMAGES[:2], PROBABILITIES, LABELS, ["cat", "dog"])
    with pytest.raises(ValueError, match="at least one; received 0 images"):
        prediction_sheet(IMAGES[:0], PROBABILITIES[:0], LABELS[:0], ["cat", "dog"])


def test_other_numbers_of_names_are_refused():
    with pytest.raises(ValueError, match="received 3 names for predictions of 2 classes"):
        prediction_sheet(IMAGES, PROBABILITIES, LABELS, ["cat", "dog", "cow"])


def test_overview_is_one_picture_of_both(tmp_path):
    model = keras_mixers.ConvMixer(8, 1, 2, 3, classes=2, input_shape=(8, 8, 1))
    path = tmp_path / "picture.png"
    save_overview(path, model, IMAGES, PROBABILITIES, LABELS, ["cat", "dog"], "title")
    with Image.open(path) as picture:
        pixels = np.asarray(picture.convert("RGB")).astype(int)
    assert pixels.shape == (960, 1800, 3)
    red = (pixels == [0xC6, 0x28, 0x28]).all(-1)
    purple_or_orange = np.ptp(pixels, axis=-1) > 60
    assert red[:, :1500].any()
    assert not red[:, 1520:].any()
    assert purple_or_orange[:, 1520:].mean() > 0.05
