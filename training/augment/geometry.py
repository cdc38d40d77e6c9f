"""Pillow's affine transformations, on whole numbers in [0, 255] stored as float32 (H, W, C).

As in Pillow, coordinates refer to the centres of pixels, an output pixel whose centre maps outside
the image gets the fill colour, and interpolation at the border repeats the nearest edge pixel.
"""

import math
from typing import Literal

import tensorflow as tf

Filter = Literal["nearest", "bilinear", "bicubic", "random"]


def affine(
    image: tf.Tensor,
    matrix: tuple[tf.Tensor | float, ...],
    fill: tuple[float, ...],
    resample: Filter,
    share: tf.Tensor,
) -> tf.Tensor:
    """Transform an image as `Image.transform(size, AFFINE, ...)` does.

    Args:
        image: (H, W, C).
        matrix: (a, b, c, d, e, f), which maps the output position (x, y) to the input position
            (ax + by + c, dx + ey + f).
        fill: colour of output pixels that map outside the image, per channel.
        resample: filter; "random" is bilinear if `share` is below a half, and bicubic otherwise.
        share: number from 0 to 1.
    """
    a, b, c, d, e, f = (tf.cast(number, tf.float64) for number in matrix)
    height, width = image.shape[:2]
    x = tf.range(width, dtype=tf.float64)[None, :] + 0.5
    y = tf.range(height, dtype=tf.float64)[:, None] + 0.5
    input_x, input_y = a * x + b * y + c, d * x + e * y + f
    inside = (input_x >= 0) & (input_x < width) & (input_y >= 0) & (input_y < height)
    if resample == "random":
        sampled = tf.cond(
            share < 0.5,
            lambda: _sample(image, input_x, input_y, "bilinear"),
            lambda: _sample(image, input_x, input_y, "bicubic"),
        )
    else:
        sampled = _sample(image, input_x, input_y, resample)
    return tf.where(inside[..., None], sampled, tf.constant(fill, tf.float32))


def rotation(image: tf.Tensor, degrees: tf.Tensor) -> tuple[tf.Tensor | float, ...]:
    """Return the matrix of a rotation about the image's centre, as in `Image.rotate`."""
    angle = tf.cast(degrees, tf.float64) * -(math.pi / 180.0)
    cos, sin = tf.cos(angle), tf.sin(angle)
    y, x = (side / 2.0 for side in image.shape[:2])
    return cos, sin, x - cos * x - sin * y, -sin, cos, y + sin * x - cos * y


def _sample(image: tf.Tensor, x: tf.Tensor, y: tf.Tensor, resample: Filter) -> tf.Tensor:
    """Return the colours at positions x and y, float64 (H, W), rounded down as in Pillow."""
    height, width, channels = image.shape
    shift = 0.0 if resample == "nearest" else 0.5
    left, top = tf.floor(x - shift), tf.floor(y - shift)
    dx = tf.cast(x - shift - left, tf.float32)[..., None]
    dy = tf.cast(y - shift - top, tf.float32)[..., None]
    left, top = tf.cast(left, tf.int32), tf.cast(top, tf.int32)
    flat = tf.reshape(image, (height * width, channels))

    def pixel(row: int, column: int) -> tf.Tensor:
        rows = tf.clip_by_value(top + row, 0, height - 1)
        columns = tf.clip_by_value(left + column, 0, width - 1)
        return tf.gather(flat, rows * width + columns)

    if resample == "nearest":
        return pixel(0, 0)
    if resample == "bilinear":
        upper, lower = (_interpolate_linear(pixel(row, 0), pixel(row, 1), dx) for row in (0, 1))
        return tf.floor(_interpolate_linear(upper, lower, dy))
    around = (-1, 0, 1, 2)
    rows = [_interpolate_cubic([pixel(row, column) for column in around], dx) for row in around]
    return tf.floor(tf.clip_by_value(_interpolate_cubic(rows, dy), 0.0, 255.0))


def _interpolate_linear(first: tf.Tensor, second: tf.Tensor, share: tf.Tensor) -> tf.Tensor:
    return first + (second - first) * share


def _interpolate_cubic(four: list[tf.Tensor], share: tf.Tensor) -> tf.Tensor:
    """Interpolate by the cubic with a = -1, as Pillow transforms images; it resizes with -1/2."""
    before, first, second, after = four
    slope = second - before
    bend = 2.0 * (before - first) + second - after
    twist = -before + first - second + after
    return first + share * (slope + share * (bend + share * twist))
