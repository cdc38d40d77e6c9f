"""Each operation of each set, at several strengths, does what Pillow does with that argument."""

from collections.abc import Callable

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image, ImageEnhance, ImageOps

from tests.training.augment.pictures import array, picture, pillow, tensor
from training.augment import operations
from training.augment.operations import Draw

FILL = (124.0, 116.0, 104.0)
SIZE = (48, 40)  # (height, width)
LEVELS = (0.0, 0.37, 0.9, 1.0)
Theirs = Callable[[Image.Image, float, float], Image.Image]  # (image, level, sign)


def draw(level: float, sign: float, first: float = 0.0, second: float = 0.0) -> Draw:
    return Draw(*map(tf.constant, (level, sign, first, second)))


def enhance(name: str, factor: Callable[[float, float], float]) -> Theirs:
    return lambda image, level, sign: getattr(ImageEnhance, name)(image).enhance(
        factor(level, sign)
    )


def move(matrix: Callable[[float], tuple], resample: str, fill: tuple) -> Theirs:
    by, colour = Image.Resampling[resample], tuple(map(int, fill))

    def moved(image: Image.Image, level: float, sign: float) -> Image.Image:
        numbers = matrix(sign * level)
        if len(numbers) == 1:
            return image.rotate(numbers[0], by, fillcolor=colour)
        return image.transform(image.size, Image.Transform.AFFINE, numbers, by, fillcolor=colour)

    return moved


def geometric(resample: str, fill: tuple, most: Callable[[int, float], float]) -> dict[str, Theirs]:
    """Rotation and shear, which are alike in all sets, and translation by `most` pixels."""
    height, width = SIZE
    return {
        "rotate": move(lambda level: (30 * level,), resample, fill),
        "shear_x": move(lambda level: (1, 0.3 * level, 0, 0, 1, 0), resample, fill),
        "shear_y": move(lambda level: (1, 0, 0, 0.3 * level, 1, 0), resample, fill),
        "translate_x": move(lambda level: (1, 0, most(width, level), 0, 1, 0), resample, fill),
        "translate_y": move(lambda level: (1, 0, 0, 0, 1, most(height, level)), resample, fill),
    }


def brighter(image: Image.Image, level: float, sign: float) -> Image.Image:
    addition = min(128, int(110 * level))
    return image.point([min(255, i + addition) if i < 128 else i for i in range(256)] * 3)


def tables() -> dict[str, Theirs]:
    return {
        "auto_contrast": lambda image, level, sign: ImageOps.autocontrast(image),
        "equalize": lambda image, level, sign: ImageOps.equalize(image),
        "invert": lambda image, level, sign: ImageOps.invert(image),
        "solarize_add": brighter,
    }


def enhancers(factor: Callable[[float, float], float]) -> dict[str, Theirs]:
    names = ("Color", "Contrast", "Brightness", "Sharpness")
    return {name.lower(): enhance(name, factor) for name in names}


TIMM = {
    **tables(),
    **enhancers(lambda level, sign: max(0.1, 1 + sign * 0.9 * level)),
    **geometric("BICUBIC", FILL, lambda size, level: 0.45 * size * level),
    "posterize": lambda image, level, sign: (
        image.point([0] * 768) if level == 1 else ImageOps.posterize(image, 4 - int(4 * level))
    ),
    "solarize": lambda image, level, sign: ImageOps.solarize(image, 256 - int(256 * level)),
}
GOOGLE = {
    **tables(),
    **enhancers(lambda level, sign: 0.1 + 1.8 * level),
    **geometric("NEAREST", FILL, lambda size, level: 100 * level),
    "contrast": lambda image, level, sign: Image.blend(
        Image.new("RGB", image.size, (SIZE[0] * SIZE[1] // 256,) * 3), image, 0.1 + 1.8 * level
    ),
    "posterize": lambda image, level, sign: (
        image.point([0] * 768) if level < 0.25 else ImageOps.posterize(image, int(4 * level))
    ),
    "solarize": lambda image, level, sign: ImageOps.solarize(image, int(256 * level)),
    "cutout": None,  # Pillow has none; it has a test of its own.
}
TORCHVISION = {
    **{name: tables()[name] for name in ("auto_contrast", "equalize")},
    **enhancers(lambda level, sign: 1 + sign * 0.9 * level),
    **geometric("NEAREST", (0, 0, 0), lambda size, level: int(150 / 331 * size * level)),
    "identity": lambda image, level, sign: image,
    "posterize": lambda image, level, sign: ImageOps.posterize(image, 8 - round(4 * level)),
    "solarize": lambda image, level, sign: ImageOps.solarize(image, 255 - 255 * level),
}
SETS = {
    "timm": (operations.timm(FILL, "bicubic"), TIMM),
    "google": (operations.google(FILL), GOOGLE),
    "torchvision": (operations.torchvision((0.0, 0.0, 0.0)), TORCHVISION),
}
EVERY = [(kind, name) for kind, (_, theirs) in SETS.items() for name in theirs if theirs[name]]


def test_the_sets_hold_what_was_published() -> None:
    assert [len(ours) for ours, _ in SETS.values()] == [15, 16, 14]
    for ours, theirs in SETS.values():
        assert set(ours) == set(theirs)


@pytest.mark.parametrize("sign", [-1.0, 1.0])
@pytest.mark.parametrize(("kind", "name"), EVERY)
def test_operation(kind: str, name: str, sign: float) -> None:
    image = picture(*SIZE)
    ours, theirs = SETS[kind][0][name], SETS[kind][1][name]
    for level in LEVELS:
        found = ours(tensor(image), draw(level, sign)).numpy()
        difference = np.abs(found - array(theirs(pillow(image), level, sign)))
        if name in ("rotate", "shear_x", "shear_y", "translate_x", "translate_y"):
            # Rounding of float32 positions and values; test_geometry.py looks closer.
            assert np.mean(difference > (1 if kind == "timm" else 0)) <= 0.005, level
            assert np.mean(difference) <= 0.05, level
        else:
            # A factor in float32 may be the neighbour of Pillow's.
            assert difference.max() <= 1, level
            assert np.mean(difference > 0) <= (0.02 if name in enhancers(max) else 0), level


def test_googles_levels_go_on_above_one() -> None:
    image = picture(*SIZE)
    ours = SETS["google"][0]
    six_bits = ours["posterize"](tensor(image), draw(1.5, 1.0))
    np.testing.assert_array_equal(six_bits, array(ImageOps.posterize(pillow(image), 6)))
    for name, level in (("posterize", 3.0), ("solarize", 1.5)):
        np.testing.assert_array_equal(ours[name](tensor(image), draw(level, 1.0)), image)


@pytest.mark.parametrize(
    ("first", "second", "rows", "columns"),
    [(0.5, 0.5, (4, 44), (0, 40)), (0.0, 0.99, (0, 20), (19, 40)), (0.99, 0.0, (27, 48), (0, 20))],
)
def test_cutout_is_a_square_about_the_drawn_centre(
    first: float, second: float, rows: tuple, columns: tuple
) -> None:
    image = picture(*SIZE)
    found = SETS["google"][0]["cutout"](tensor(image), draw(0.5, 1.0, first, second))
    expected = np.float32(image)
    expected[slice(*rows), slice(*columns)] = FILL
    np.testing.assert_array_equal(found, expected)
