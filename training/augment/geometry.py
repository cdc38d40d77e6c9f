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
    # Shears and shifts leave one coordinate as it is: between its pixels is nothing to compute.
    moves = _moves(matrix[:3], (1.0, 0.0, 0.0)), _moves(matrix[3:], (0.0, 1.0, 0.0))

    def sample(resample: Filter) -> tf.Tensor:
        return _sample(image, (input_x, input_y), moves, resample)

    if resample == "random":
        sampled = tf.cond(share < 0.5, lambda: sample("bilinear"), lambda: sample("bicubic"))
    else:
        sampled = sample(resample)
    # Multiplying by 0 or 1 gives what choosing gives, and takes half the time.
    shown = tf.cast(inside, tf.float32)[..., None]
    return shown * sampled + (1.0 - shown) * tf.constant(fill, tf.float32)


def _moves(row: tuple[tf.Tensor | float, ...], identity: tuple[float, ...]) -> bool:
    """Tell whether a row of a matrix may change a coordinate."""
    return not all(isinstance(number, float) for number in row) or row != identity


def rotation(image: tf.Tensor, degrees: tf.Tensor) -> tuple[tf.Tensor | float, ...]:
    """Return the matrix of a rotation about the image's centre, as in `Image.rotate`."""
    angle = tf.cast(degrees, tf.float64) * -(math.pi / 180.0)
    cos, sin = tf.cos(angle), tf.sin(angle)
    y, x = (side / 2.0 for side in image.shape[:2])
    return cos, sin, x - cos * x - sin * y, -sin, cos, y + sin * x - cos * y


def _sample(
    image: tf.Tensor,
    positions: tuple[tf.Tensor, tf.Tensor],
    moves: tuple[bool, bool],
    resample: Filter,
) -> tf.Tensor:
    """Return the colours at positions x and y, float64 (H, W), rounded down as in Pillow.

    A coordinate that doesn't move lies at the centre of a pixel, where every filter gives it.
    """
    height, width, channels = image.shape
    shift = 0.0 if resample == "nearest" else 0.5
    left, top = (tf.floor(position - shift) for position in positions)
    dx, dy = (
        tf.cast(position - shift - start, tf.float32)[..., None]
        for position, start in zip(positions, (left, top), strict=True)
    )
    left, top = tf.cast(left, tf.int32), tf.cast(top, tf.int32)
    flat = tf.reshape(image, (height * width, channels))
    around, interpolate = _FILTERS[resample]
    columns, rows = (around if moving else (0,) for moving in moves)

    def pixel(row: int, column: int) -> tf.Tensor:
        y = tf.clip_by_value(top + row, 0, height - 1)
        x = tf.clip_by_value(left + column, 0, width - 1)
        return tf.gather(flat, y * width + x)

    lines = [interpolate([pixel(row, column) for column in columns], dx) for row in rows]
    return tf.floor(tf.clip_by_value(interpolate(lines, dy), 0.0, 255.0))


def _interpolate_linear(pixels: list[tf.Tensor], share: tf.Tensor) -> tf.Tensor:
    if len(pixels) == 1:
        return pixels[0]
    first, second = pixels
    return first + (second - first) * share


def _interpolate_cubic(pixels: list[tf.Tensor], share: tf.Tensor) -> tf.Tensor:
    """Interpolate by the cubic with a = -1, as Pillow transforms images; it resizes with -1/2."""
    if len(pixels) == 1:
        return pixels[0]
    before, first, second, after = pixels
    slope = second - before
    bend = 2.0 * (before - first) + second - after
    twist = -before + first - second + after
    return first + share * (slope + share * (bend + share * twist))


# Which pixels a filter takes, from the one at or before a position, and what it makes of them.
_FILTERS = {
    "nearest": ((0,), _interpolate_linear),
    "bilinear": ((0, 1), _interpolate_linear),
    "bicubic": ((-1, 0, 1, 2), _interpolate_cubic),
}
