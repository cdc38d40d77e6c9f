"""Probabilities of a model, and images for it; `tests/cli/test_predict.py` has the rest."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import keras_mixers
from keras_mixers.catalogue.preprocessing import IMAGENET_MEAN, IMAGENET_STD, Preprocessing
from keras_mixers.inference import probabilities
from keras_mixers.preprocessing import ImageError, load_image, resize_and_crop


@pytest.mark.parametrize("images", [[], np.zeros((0, 8, 8, 3)), np.zeros((8, 8, 3), "uint8")])
def test_no_image_is_told_in_one_line(images) -> None:
    model = keras_mixers.ConvMixer(4, 1, 4, 3, input_shape=(8, 8, 3), classes=2)
    with pytest.raises(
        ValueError, match=r"^pixels must be one image or more, \(B, H, W, C\); rec.*$"
    ):
        probabilities(model, images)
    assert probabilities(model, np.zeros((1, 8, 8, 3), "uint8")).shape == (1, 2)


@pytest.fixture
def photos(tmp_path: Path) -> list[Path]:
    paths = [tmp_path / "a.png", tmp_path / "b.png"]
    for seed, path in enumerate(paths):
        pixels = np.random.default_rng(seed).integers(0, 256, (30, 50, 3), "uint8")
        Image.fromarray(pixels).save(path)
    return paths


def test_images_are_cut_as_the_published_evaluation_did(photos: list[Path]) -> None:
    model = keras_mixers.ConvMixer(4, 1, 4, 3, input_shape=(None, None, 3), name="convmixer_768_32")

    def expected(crop: float, interpolation: str) -> list:
        images = [resize_and_crop(load_image(p), (20, 20), crop, interpolation) for p in photos]
        return np.stack(images).tolist()

    found = keras_mixers.evaluation_images(photos, model, 20)
    assert (found.shape, found.dtype) == ((2, 20, 20, 3), "uint8")
    assert found.tolist() == expected(0.96, "bicubic")
    own = Preprocessing(IMAGENET_MEAN, IMAGENET_STD, 0.5, "bilinear")
    found = keras_mixers.evaluation_images(iter(photos), model, 20, own)
    assert found.tolist() == expected(0.5, "bilinear")


def test_images_that_cannot_be_given(photos: list[Path], tmp_path: Path) -> None:
    model = keras_mixers.ConvMixer(4, 1, 4, 3, input_shape=(8, 8, 3))
    for paths in ([], photos[0], str(photos[0])):
        with pytest.raises(ValueError, match="paths must be a list of one image or more; received"):
            keras_mixers.evaluation_images(paths, model)
    with pytest.raises(ValueError, match="takes only images of 8 x 8; leave the size out"):
        keras_mixers.evaluation_images(photos, model, 9)
    (tmp_path / "c.png").write_text("no image")
    with pytest.raises(ImageError, match=r"c\.png is not an image"):
        keras_mixers.evaluation_images([*photos, tmp_path / "c.png"], model)
