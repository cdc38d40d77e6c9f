import importlib.util

import numpy as np
import pytest
from PIL import Image

from hub_export.tflite.calibration import LEAST, MOST, calibration_images
from hub_export.tflite.export import export_tflite
from keras_mixers.preprocessing import resize_and_crop
from tests.helpers.trained_digits import digits
from tests.hub_export.saved_model.test_saved_model import SHAPE, conv_mixer


def folder_of(path, count, side=(40, 50)):
    for i in range(count):
        place = path / f"class{i % 2}"
        place.mkdir(exist_ok=True, parents=True)
        Image.fromarray(np.full((*side, 3), i, "uint8")).save(place / f"{i:03}.png")
    return path


def test_array_is_taken_as_it_is_and_drawn_from_evenly():
    model = conv_mixer()
    few = np.random.default_rng(0).integers(0, 256, (LEAST, *SHAPE), "uint8")
    found = calibration_images(model, few, SHAPE)
    np.testing.assert_array_equal(found, few)
    assert found.dtype == np.float32
    many = np.zeros((250, *SHAPE), "uint8") + np.arange(250, dtype="uint8")[:, None, None, None]
    drawn = calibration_images(model, many, SHAPE)[:, 0, 0, 0]
    assert len(drawn) == MOST
    assert set(np.diff(drawn)) == {2, 3}


def test_folder_is_read_as_evaluation_reads_it(tmp_path):
    folder = folder_of(tmp_path, LEAST + 2)
    found = calibration_images(conv_mixer(), folder, SHAPE)
    assert found.shape == (LEAST + 2, *SHAPE)
    # Of all folders below it.
    assert set(found[:, 0, 0, 0]) == set(range(LEAST + 2))
    np.testing.assert_array_equal(found, calibration_images(conv_mixer(), str(folder), SHAPE))


def test_data_are_drawn_evenly_from_the_training_part():
    model = conv_mixer(input_shape=(16, 16, 1))
    found = calibration_images(model, "digits", (16, 16, 1))
    train, _ = digits(held_out=False)
    wanted = [resize_and_crop(Image.fromarray(scan[..., 0]), (16, 16)) for scan in train[::14]]
    np.testing.assert_array_equal(found, np.stack(wanted)[:MOST])


ARRAYS = [
    (None, "needs representative_data: at least 16 images"),
    (np.zeros((LEAST - 1, *SHAPE)), "needs at least 16 images; received 15"),
    (np.zeros((0, *SHAPE)), "needs at least 16 images; received 0"),
    (np.zeros((20, 8, 8, 3)), r"shape \(N, 32, 32, 3\); received \(20, 8, 8, 3\)"),
    (np.zeros(SHAPE), r"shape \(N, 32, 32, 3\); received \(32, 32, 3\)"),
    (np.full((20, *SHAPE), np.nan), "hold numbers that are not finite"),
    (np.full((20, *SHAPE), -1.0), r"pixels in \[0, 255\]; received -1 to -1"),
    ("nowhere", "There are no data 'nowhere'"),
    ("digits", "digits has images of 1 channels; expected 3"),
]


@pytest.mark.parametrize(("data", "message"), ARRAYS)
@pytest.mark.parametrize("quantize", ["int8", "int16x8"])
def test_data_that_do_not_fit_are_refused(data, message, quantize, tmp_path):
    with pytest.raises(ValueError, match=message):
        export_tflite(conv_mixer(), tmp_path / "model.tflite", quantize, data)
    assert list(tmp_path.iterdir()) == []


def test_folders_that_do_not_fit_are_refused(tmp_path):
    with pytest.raises(FileNotFoundError, match="no folder of images '/nowhere'"):
        calibration_images(conv_mixer(), tmp_path.joinpath("/nowhere"), SHAPE)
    with pytest.raises(ValueError, match=r"at least 16 images; .* has 3 files that end in .bmp, "):
        calibration_images(conv_mixer(), folder_of(tmp_path, 3), SHAPE)


@pytest.mark.parametrize("data", ["digits", "folder"])
def test_pixels_are_for_models_that_say_how_they_take_them(data, tmp_path):
    model = conv_mixer(include_preprocessing=False, input_shape=(32, 32, 1))
    with pytest.raises(ValueError, match=r"without a layer 'preprocessing'.*as an array of it"):
        calibration_images(model, tmp_path if data == "folder" else data, (32, 32, 1))


def test_missing_package_is_named(monkeypatch):
    find = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda n: None if n == "tensorflow_datasets" else find(n)
    )
    with pytest.raises(ImportError, match=r"'tensorflow_datasets' is not installed: .*\[train\]"):
        calibration_images(conv_mixer(), "tfds:cifar10", SHAPE)
