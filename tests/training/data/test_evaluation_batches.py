import numpy as np
import pytest

from keras_mixers.preprocessing import load_image, resize_and_crop
from tests.training.data.samples import CLASSES, fill, numbered, picture
from training.data import evaluation_batches, open_data
from training.data.random_access import to_pil_image


def gather(batches):
    parts = [tuple(map(np.asarray, batch)) for batch in batches]
    return tuple(map(np.concatenate, zip(*parts, strict=True)))


@pytest.mark.parametrize("suffix", ["jpg", "png"])
@pytest.mark.parametrize(("crop", "interpolation"), [(0.875, "bicubic"), (1.0, "bilinear")])
def test_files_are_cut_as_preprocessing_cuts_them(tmp_path, suffix, crop, interpolation):
    fill(tmp_path / "train", 2, suffix=suffix)
    fill(tmp_path / "val", 3, suffix=suffix)
    split = open_data(f"folder:{tmp_path}").validation
    images, labels = gather(evaluation_batches(split, 4, (10, 12), crop, interpolation))
    paths = [tmp_path / "val" / name / f"{i}.{suffix}" for name in CLASSES for i in range(3)]
    expected = [resize_and_crop(load_image(path), (10, 12), crop, interpolation) for path in paths]
    np.testing.assert_array_equal(images, expected)
    assert labels.tolist() == [0, 0, 0, 1, 1, 1, 2, 2, 2]
    assert (images.dtype, labels.dtype) == (np.uint8, np.int64)


def test_arrays_are_cut_as_preprocessing_cuts_them():
    split = open_data("digits").validation
    images, labels = gather(evaluation_batches(split, 100, (12, 12), 0.9))
    stored, again = gather(evaluation_batches(split, 100, (8, 8)))
    np.testing.assert_array_equal(labels, again)
    expected = [resize_and_crop(to_pil_image(pixels), (12, 12), 0.9) for pixels in stored]
    np.testing.assert_array_equal(images, expected)


def test_each_example_comes_once_and_the_last_batch_may_be_smaller():
    batches = [images.numpy() for images, _ in evaluation_batches(numbered(11), 4, (1, 1))]
    assert [len(batch) for batch in batches] == [4, 4, 3]
    assert np.concatenate(batches)[:, 0, 0, 1].tolist() == list(range(11))


@pytest.mark.parametrize("mode", ["RGB", "L"])
def test_a_folder_can_be_grey(tmp_path, mode):
    for name in CLASSES:
        (tmp_path / name).mkdir()
        for i in range(2):
            picture(i, mode=mode).save(tmp_path / name / f"{i}.png")
    split = open_data(f"folder:{tmp_path}", channels=1).validation
    images, _ = gather(evaluation_batches(split, 2, (8, 8)))
    assert images.shape == (3, 8, 8, 1)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"batch_size": 0}, "batch_size must be at least 1; received 0."),
        ({"size": (0, 1)}, "size must be a height and a width of at least 1; received (0, 1)."),
        ({"crop": 1.5}, "crop must be above 0 and at most 1; received 1.5."),
        (
            {"interpolation": "cubic"},
            "interpolation must be one of bicubic, bilinear; received 'cubic'.",
        ),
    ],
)
def test_arguments_out_of_range_are_refused_before_the_first_batch(arguments, message):
    with pytest.raises(ValueError) as caught:  # noqa: PT011
        evaluation_batches(**{"split": numbered(3), "batch_size": 2, "size": (1, 1), **arguments})
    assert str(caught.value) == message
