"""Three published sets of RandAugment operations, each with its own scale of strengths."""

from collections.abc import Callable
from typing import NamedTuple

import tensorflow as tf

from training.augment import geometry, pixels
from training.augment.geometry import Filter


class Draw(NamedTuple):
    """The random numbers of one operation: scalars, float32."""

    level: tf.Tensor  # Strength; 1 is the maximum, which only Google's set may exceed.
    sign: tf.Tensor  # -1 or 1.
    first: tf.Tensor  # Two numbers, uniform in [0, 1), for whatever else the operation draws.
    second: tf.Tensor


Operation = Callable[[tf.Tensor, Draw], tf.Tensor]


def timm(fill: tuple[float, ...], resample: Filter) -> dict[str, Operation]:
    """Return timm's 15 operations of `rand-...-inc1`, all of which get stronger with the level.

    Reference: `timm/data/auto_augment.py` 1.0.31.
    """

    def enhanced(draw: Draw) -> tf.Tensor:
        return tf.maximum(0.1, 1.0 + draw.sign * 0.9 * draw.level)

    return {
        "auto_contrast": lambda image, _: pixels.auto_contrast(image),
        "equalize": lambda image, _: pixels.equalize(image),
        "invert": lambda image, _: pixels.invert(image),
        "rotate": _rotate(30.0, fill, resample),
        "posterize": lambda image, draw: pixels.posterize(image, 4.0 - tf.floor(4.0 * draw.level)),
        "solarize": lambda image, draw: pixels.solarize(
            image, 256.0 - tf.floor(256.0 * draw.level)
        ),
        "solarize_add": lambda image, draw: pixels.solarize_add(
            image, tf.floor(110.0 * draw.level)
        ),
        "color": lambda image, draw: pixels.color(image, enhanced(draw)),
        "contrast": lambda image, draw: pixels.contrast(image, enhanced(draw)),
        "brightness": lambda image, draw: pixels.brightness(image, enhanced(draw)),
        "sharpness": lambda image, draw: pixels.sharpness(image, enhanced(draw)),
        **_shears(0.3, fill, resample),
        "translate_x": _translate(0, lambda size, draw: 0.45 * draw.level * size, fill, resample),
        "translate_y": _translate(1, lambda size, draw: 0.45 * draw.level * size, fill, resample),
    }


def google(fill: tuple[float, ...]) -> dict[str, Operation]:
    """Return the 16 operations of MLP-Mixer's authors, some of which get weaker with the level.

    Their contrast blends with the constant H * W / 256 instead of the mean luma.

    Reference: `big_vision/pp/autoaugment.py`.
    """

    def enhanced(draw: Draw) -> tf.Tensor:
        return 0.1 + 1.8 * draw.level

    def contrast(image: tf.Tensor, draw: Draw) -> tf.Tensor:
        constant = min(image.shape[0] * image.shape[1] // 256, 255)
        return pixels.blend(tf.constant(float(constant)), image, enhanced(draw))

    def cutout(image: tf.Tensor, draw: Draw) -> tf.Tensor:
        half = tf.floor(40.0 * draw.level)
        masks = []
        for side, share in zip(image.shape[:2], (draw.first, draw.second), strict=True):
            distance = tf.range(side, dtype=tf.float32) - tf.floor(share * side)
            masks.append((distance >= -half) & (distance < half))
        hole = masks[0][:, None, None] & masks[1][None, :, None]
        return tf.where(hole, tf.constant(fill, tf.float32), image)

    return {
        "auto_contrast": lambda image, _: pixels.auto_contrast(image),
        "equalize": lambda image, _: pixels.equalize(image),
        "invert": lambda image, _: pixels.invert(image),
        "rotate": _rotate(30.0, fill, "nearest"),
        "posterize": lambda image, draw: pixels.posterize(
            image, tf.minimum(tf.floor(4.0 * draw.level), 8.0)
        ),
        # At levels above 1, the threshold is above white, so nothing is inverted.
        "solarize": lambda image, draw: pixels.solarize(image, tf.floor(256.0 * draw.level)),
        "color": lambda image, draw: pixels.color(image, enhanced(draw)),
        "contrast": contrast,
        "brightness": lambda image, draw: pixels.brightness(image, enhanced(draw)),
        "sharpness": lambda image, draw: pixels.sharpness(image, enhanced(draw)),
        **_shears(0.3, fill, "nearest"),
        "translate_x": _translate(0, lambda size, draw: 100.0 * draw.level, fill, "nearest"),
        "translate_y": _translate(1, lambda size, draw: 100.0 * draw.level, fill, "nearest"),
        "cutout": cutout,
        "solarize_add": lambda image, draw: pixels.solarize_add(
            image, tf.floor(110.0 * draw.level)
        ),
    }


def torchvision(fill: tuple[float, ...]) -> dict[str, Operation]:
    """Return torchvision's 14 operations, one of which is the identity.

    Reference: `torchvision/transforms/autoaugment.py` 0.28.
    """

    def enhanced(draw: Draw) -> tf.Tensor:
        return 1.0 + draw.sign * 0.9 * draw.level

    def moved(size: int, draw: Draw) -> tf.Tensor:
        return tf.floor(150.0 / 331.0 * size * draw.level)

    return {
        "identity": lambda image, _: image,
        **_shears(0.3, fill, "nearest"),
        "translate_x": _translate(0, moved, fill, "nearest"),
        "translate_y": _translate(1, moved, fill, "nearest"),
        "rotate": _rotate(30.0, fill, "nearest"),
        "brightness": lambda image, draw: pixels.brightness(image, enhanced(draw)),
        "color": lambda image, draw: pixels.color(image, enhanced(draw)),
        "contrast": lambda image, draw: pixels.contrast(image, enhanced(draw)),
        "sharpness": lambda image, draw: pixels.sharpness(image, enhanced(draw)),
        "posterize": lambda image, draw: pixels.posterize(image, 8.0 - tf.round(4.0 * draw.level)),
        "solarize": lambda image, draw: pixels.solarize(image, 255.0 * (1.0 - draw.level)),
        "auto_contrast": lambda image, _: pixels.auto_contrast(image),
        "equalize": lambda image, _: pixels.equalize(image),
    }


def _rotate(degrees: float, fill: tuple[float, ...], resample: Filter) -> Operation:
    def rotate(image: tf.Tensor, draw: Draw) -> tf.Tensor:
        matrix = geometry.rotation(image, draw.sign * degrees * draw.level)
        return geometry.affine(image, matrix, fill, resample, draw.first)

    return rotate


def _shears(most: float, fill: tuple[float, ...], resample: Filter) -> dict[str, Operation]:
    def shear_x(image: tf.Tensor, draw: Draw) -> tf.Tensor:
        matrix = (1.0, draw.sign * most * draw.level, 0.0, 0.0, 1.0, 0.0)
        return geometry.affine(image, matrix, fill, resample, draw.first)

    def shear_y(image: tf.Tensor, draw: Draw) -> tf.Tensor:
        matrix = (1.0, 0.0, 0.0, draw.sign * most * draw.level, 1.0, 0.0)
        return geometry.affine(image, matrix, fill, resample, draw.first)

    return {"shear_x": shear_x, "shear_y": shear_y}


def _translate(
    axis: int,
    distance: Callable[[int, Draw], tf.Tensor],
    fill: tuple[float, ...],
    resample: Filter,
) -> Operation:
    """Return a shift along x (axis 0) or y (axis 1) by `distance(axis length, draw)` pixels."""

    def translate(image: tf.Tensor, draw: Draw) -> tf.Tensor:
        moved = draw.sign * distance(image.shape[1 - axis], draw)
        matrix = (1.0, 0.0, moved, 0.0, 1.0, 0.0) if axis == 0 else (1.0, 0.0, 0.0, 0.0, 1.0, moved)
        return geometry.affine(image, matrix, fill, resample, draw.first)

    return translate
