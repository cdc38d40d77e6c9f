"""Every operation on colours is Pillow's to the last bit, for colour and grey, small and large."""

from collections.abc import Callable

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst
from PIL import Image, ImageEnhance, ImageOps

from tests.training.augment.pictures import array, picture, pillow, tensor
from training.augment import pixels

ENHANCERS = ("color", "contrast", "brightness", "sharpness")
TABLES: dict[str, tuple[Callable, Callable]] = {
    "auto_contrast": (pixels.auto_contrast, ImageOps.autocontrast),
    "equalize": (pixels.equalize, ImageOps.equalize),
    "invert": (pixels.invert, ImageOps.invert),
}
SHAPES = [(61, 47, 3), (224, 224, 3), (8, 8, 1), (3, 4, 3), (2, 5, 1), (1, 1, 3)]


def equal(ours: tf.Tensor, theirs: Image.Image) -> None:
    np.testing.assert_array_equal(ours.numpy(), array(theirs))


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("name", TABLES)
def test_tables(name: str, shape: tuple[int, ...]) -> None:
    ours, theirs = TABLES[name]
    image = picture(*shape)
    equal(ours(tensor(image)), theirs(pillow(image)))


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("name", ENHANCERS)
def test_enhancers(name: str, shape: tuple[int, ...]) -> None:
    image = picture(*shape)
    for factor in np.float32([0, 0.1, 0.19, 0.55, 1, 1.33, 1.81, 1.9, 2.8]):
        enhancer = getattr(ImageEnhance, name.capitalize())(pillow(image))
        equal(getattr(pixels, name)(tensor(image), tf.constant(factor)), enhancer.enhance(factor))


@pytest.mark.parametrize("bits", range(1, 9))
def test_posterize(bits: int) -> None:
    image = picture(20, 30)
    equal(
        pixels.posterize(tensor(image), tf.constant(float(bits))),
        ImageOps.posterize(pillow(image), bits),
    )


def test_posterize_to_no_bits_is_black() -> None:
    assert not np.any(pixels.posterize(tensor(picture(4, 4)), tf.constant(0.0)))


@pytest.mark.parametrize("threshold", [0, 26, 128, 255, 256])
def test_solarize(threshold: int) -> None:
    image = picture(20, 30)
    equal(
        pixels.solarize(tensor(image), tf.constant(float(threshold))),
        ImageOps.solarize(pillow(image), threshold),
    )


@pytest.mark.parametrize("addition", [0, 49, 110])
def test_solarize_add(addition: int) -> None:
    image = picture(20, 30)
    expected = pillow(image).point(
        [min(255, i + addition) if i < 128 else i for i in range(256)] * 3
    )
    equal(pixels.solarize_add(tensor(image), tf.constant(float(addition))), expected)


@settings(max_examples=60, deadline=None, derandomize=True)
@given(npst.arrays(np.uint8, st.tuples(st.integers(1, 40), st.integers(1, 40), st.just(3))))
def test_tables_of_any_image(image: np.ndarray) -> None:
    for ours, theirs in TABLES.values():
        equal(ours(tensor(image)), theirs(pillow(image)))


def test_grey_is_pillows() -> None:
    every = np.random.default_rng(1).integers(0, 256, (200, 200, 3), np.uint8)
    equal(pixels.grey(tensor(every)), pillow(every).convert("L"))
