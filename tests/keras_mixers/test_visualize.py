import keras
import numpy as np
import pytest
from PIL import Image

import keras_mixers
from keras_mixers.visualize import WRONG, patch_filters, prediction_sheet, save_overview

IMAGES = np.random.default_rng(0).integers(0, 256, (3, 8, 8, 1), dtype="uint8")
PROBABILITIES = np.array([[0.9, 0.1], [0.25, 0.75], [0.2, 0.8]])
LABELS = np.array([0, 1, 0])


def conv_mixer(channels=3):
    return keras_mixers.ConvMixer(
        8, 1, patch_size=2, kernel_size=3, classes=2, input_shape=(8, 8, channels)
    )


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


def test_filters_of_one_channel_are_drawn_around_zero():
    model = conv_mixer(channels=1)
    figure = patch_filters(model)
    kernel = keras.ops.convert_to_numpy(model.get_layer("patch_embed").conv.kernel)
    assert len(figure.axes) == 8
    for i, axes in enumerate(figure.axes):
        (image,) = axes.images
        np.testing.assert_array_equal(image.get_array(), kernel[:, :, 0, i])
        largest = abs(kernel[..., i]).max()
        assert image.get_clim() == pytest.approx((-largest, largest))


def test_filters_of_three_channels_have_grey_for_zero():
    model = conv_mixer()
    kernel = model.get_layer("patch_embed").conv.kernel
    kernel.assign(keras.ops.zeros_like(kernel))
    figure = patch_filters(model)
    assert all((axes.images[0].get_array() == 0.5).all() for axes in figure.axes)


def test_a_mixer_has_filters_too():
    assert len(patch_filters(keras_mixers.MLPMixer(8, 1, input_shape=(32, 32, 3))).axes) == 8


def test_model_without_patch_embedding_is_refused():
    model = keras_mixers.T2TViT(8, 1, num_heads=1, input_shape=(32, 32, 3))
    with pytest.raises(ValueError, match="The model 't2t_vit' has no PatchEmbed layer"):
        patch_filters(model)


def test_filters_of_other_channels_are_refused():
    with pytest.raises(ValueError, match="those of the model 'convmixer_8_1' have 4"):
        patch_filters(conv_mixer(channels=4))


def test_overview_is_one_picture_of_both(tmp_path):
    model = conv_mixer(channels=1)
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
