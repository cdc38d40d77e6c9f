"""Affine transformations beside Pillow's, filter by filter.

Pillow interpolates in double precision, we in float32, and both cut off the fraction: where the
exact value is a whole number, one may land just below it. So a pixel may differ by one, and few
do. Nearest pixels are the same, but for rotations, whose positions Pillow rounds to 1/65,536: one
that lies on the border between two pixels may fall on either side.
"""

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from tests.training.augment.pictures import array, picture, pillow, tensor
from training.augment import geometry

FILTERS = {
    "nearest": Image.Resampling.NEAREST,
    "bilinear": Image.Resampling.BILINEAR,
    "bicubic": Image.Resampling.BICUBIC,
}
FILL = (124, 116, 104)
MATRICES = {
    "shear_x": (1, 0.27, 0, 0, 1, 0),
    "shear_y": (1, 0, 0, -0.2718, 1, 0),
    "translate_x": (1, 0, 13.37, 0, 1, 0),
    "translate_y": (1, 0, 0, 0, 1, -7.71),
    "whole_pixels": (1, 0, 5, 0, 1, -3),
    "identity": (1, 0, 0, 0, 1, 0),
    "out_of_sight": (1, 0, 500, 0, 1, 0),
}


def close(ours: tf.Tensor, theirs: Image.Image) -> None:
    difference = np.abs(ours.numpy() - array(theirs))
    assert difference.max() <= 1
    assert np.mean(difference > 0) <= 0.002


def on_a_border(matrix: tuple, height: int, width: int) -> np.ndarray:
    """Return where the input position is on the border of two pixels, up to Pillow's rounding."""
    a, b, c, d, e, f = map(float, matrix)
    y, x = np.mgrid[:height, :width] + 0.5
    distances = [np.abs(at - np.round(at)) for at in (a * x + b * y + c, d * x + e * y + f)]
    return np.min(distances, axis=0) < (height + width) / 65536


@pytest.mark.parametrize("resample", FILTERS)
@pytest.mark.parametrize("name", MATRICES)
def test_affine(name: str, resample: str) -> None:
    matrix = tuple(float(np.float32(number)) for number in MATRICES[name])
    image = picture(61, 47)
    theirs = pillow(image).transform(
        (47, 61), Image.Transform.AFFINE, matrix, FILTERS[resample], fillcolor=FILL
    )
    ours = geometry.affine(tensor(image), matrix, FILL, resample, tf.constant(0.0))
    if resample == "nearest":
        np.testing.assert_array_equal(ours.numpy(), array(theirs))
    else:
        close(ours, theirs)


@pytest.mark.parametrize("shape", [(61, 47, 3), (32, 32, 3), (8, 8, 1)])
@pytest.mark.parametrize("resample", FILTERS)
@pytest.mark.parametrize("degrees", [-30.0, -13.0, 5.0, 27.0, 45.0])
def test_rotation(degrees: float, resample: str, shape: tuple[int, ...]) -> None:
    image = picture(*shape)
    fill = FILL[: shape[-1]]
    theirs = pillow(image).rotate(
        degrees, FILTERS[resample], fillcolor=fill if len(fill) == 3 else fill[0]
    )
    matrix = geometry.rotation(tensor(image), tf.constant(degrees))
    ours = geometry.affine(tensor(image), matrix, fill, resample, tf.constant(0.0))
    if resample == "nearest":
        differs = np.any(ours.numpy() != array(theirs), axis=-1)
        assert not np.any(differs & ~on_a_border(matrix, *shape[:2]))
        assert np.mean(differs) < 0.1
    else:
        close(ours, theirs)


def test_random_filter_is_bilinear_or_bicubic() -> None:
    image = tensor(picture(20, 20))
    matrix = (1.0, 0.27, 0.0, 0.0, 1.0, 0.0)
    by = {name: geometry.affine(image, matrix, FILL, name, tf.constant(0.0)) for name in FILTERS}
    for share, name in ((0.0, "bilinear"), (0.49, "bilinear"), (0.5, "bicubic")):
        found = geometry.affine(image, matrix, FILL, "random", tf.constant(share))
        np.testing.assert_array_equal(found, by[name])
    assert np.any(by["bilinear"] != by["bicubic"])


def test_flat_images_stay_flat() -> None:
    """Rounding towards zero must not darken what interpolation leaves alone."""
    image = tf.fill((40, 40, 3), 255.0)
    for resample in FILTERS:
        matrix = geometry.rotation(image, tf.constant(11.0))
        found = geometry.affine(image, matrix, (0, 0, 0), resample, tf.constant(0.0))
        assert set(np.unique(found)) == {0.0, 255.0}
