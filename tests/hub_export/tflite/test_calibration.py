import numpy as np
import pytest
from PIL import Image

from hub_export.tflite import export
from hub_export.tflite.calibration import MIN_IMAGES, MOST_IMAGES, calibration_images
from hub_export.tflite.export import export_tflite
from tests.helpers.export_models import SHAPE, conv_mixer


def folder_of(path, count, side=(40, 50)):
    for i in range(count):
        place = path / f"class{i % 2}"
        place.mkdir(exist_ok=True, parents=True)
        Image.fromarray(np.full((*side, 3), i, "uint8")).save(place / f"{i:03}.png")
    return path


def test_array_is_taken_as_it_is_and_drawn_from_evenly():
    model = conv_mixer()
    few = np.random.default_rng(0).integers(0, 256, (MIN_IMAGES, *SHAPE), "uint8")
    found = calibration_images(model, few, SHAPE, most=100)
    np.testing.assert_array_equal(found, few)
    assert found.dtype == np.float32
    many = np.zeros((250, *SHAPE), "uint8") + np.arange(250, dtype="uint8")[:, None, None, None]
    drawn = calibration_images(model, many, SHAPE, most=100)[:, 0, 0, 0]
    assert len(drawn) == 100
    assert set(np.diff(drawn)) == {2, 3}


def test_folder_is_read_as_evaluation_reads_it(tmp_path):
    folder = folder_of(tmp_path, MIN_IMAGES + 2)
    found = calibration_images(conv_mixer(), folder, SHAPE, most=100)
    assert found.shape == (MIN_IMAGES + 2, *SHAPE)
    # Of all folders below it.
    assert set(found[:, 0, 0, 0]) == set(range(MIN_IMAGES + 2))
    np.testing.assert_array_equal(found, calibration_images(conv_mixer(), str(folder), SHAPE, 100))
    assert len(calibration_images(conv_mixer(), folder, SHAPE, MIN_IMAGES)) == MIN_IMAGES


def test_images_that_can_not_be_read_are_left_out(tmp_path):
    folder = folder_of(tmp_path, MIN_IMAGES)
    (tmp_path / "photo.heic").write_bytes(b"no image")
    (tmp_path / "broken.jpg").write_bytes(b"no image")
    (tmp_path / "link.jpg").symlink_to(tmp_path / "gone.jpg")
    with pytest.warns(UserWarning, match=r"3 of 19 images are left out: .*broken\.jpg is not an"):
        found = calibration_images(conv_mixer(), folder, SHAPE, 100)
    assert len(found) == MIN_IMAGES


ARRAYS = [
    (None, "needs representative_data: at least 16 images"),
    (np.zeros((MIN_IMAGES - 1, *SHAPE)), "needs at least 16 images; received 15"),
    (np.zeros((0, *SHAPE)), "needs at least 16 images; received 0"),
    (np.zeros((20, 8, 8, 3)), r"shape \(N, 32, 32, 3\); received \(20, 8, 8, 3\)"),
    (np.zeros(SHAPE), r"shape \(N, 32, 32, 3\); received \(32, 32, 3\)"),
    (np.full((20, *SHAPE), np.nan), "must be finite; received infinity or NaN"),
    (np.full((20, *SHAPE), -1.0), r"pixels in \[0, 255\]; received -1 to -1"),
]


@pytest.mark.parametrize(("quantize", "most"), MOST_IMAGES.items())
def test_each_kind_of_integers_takes_its_number_of_images(quantize, most, monkeypatch, tmp_path):
    calls = []
    monkeypatch.setattr(export, "write_with_settings", lambda *arguments: calls.append(arguments))
    images = np.random.default_rng(0).integers(0, 256, (most + 7, *SHAPE), "uint8")
    export.write_tflite(conv_mixer(), tmp_path / "model.tflite", quantize, images)
    ((_, _, calibration, _),) = calls
    assert len(calibration) == most


@pytest.mark.parametrize(("data", "message"), ARRAYS)
@pytest.mark.parametrize("quantize", ["int8", "int16x8"])
def test_data_that_do_not_fit_are_refused(data, message, quantize, tmp_path):
    with pytest.raises(ValueError, match=message):
        export_tflite(conv_mixer(), tmp_path / "model.tflite", quantize, data)
    assert list(tmp_path.iterdir()) == []


def test_folders_that_do_not_fit_are_refused(tmp_path):
    with pytest.raises(FileNotFoundError, match="no folder of images '/nowhere'"):
        calibration_images(conv_mixer(), tmp_path.joinpath("/nowhere"), SHAPE, 100)
    with pytest.raises(ValueError, match=r"at least 16 images; received 3\."):
        calibration_images(conv_mixer(), folder_of(tmp_path, 3), SHAPE, 100)


def test_pixels_are_for_models_that_say_how_they_take_them(tmp_path):
    model = conv_mixer(include_preprocessing=False, input_shape=(32, 32, 1))
    with pytest.raises(ValueError, match=r"has no layer 'preprocessing'.*its images as an array"):
        calibration_images(model, tmp_path, (32, 32, 1), 100)
