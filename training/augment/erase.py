"""Random erasing of a batch: a rectangle of some images gives way to noise or the mean colour."""

import math
from collections.abc import Sequence

import tensorflow as tf

from training.augment import random_draws as random_draws

_AREA = (0.02, 1 / 3)  # Of the image; timm's and torchvision's, whose upper bounds are 1/3 and .33.
_RATIO = 0.3  # Smallest height / width; the largest is its inverse.
_ATTEMPTS = 10


def erase(
    images: tf.Tensor,
    seed: tf.Tensor,
    probability: float,
    mean: Sequence[float],
    std: Sequence[float],
) -> tf.Tensor:
    """Erase a rectangle of each image with this probability.

    Args:
        images: float32 (B, H, W, C) in [0, 255].
        seed: of this batch.
        probability: of each image.
        mean: of each channel of the noise, for images in [0, 1].
        std: of each channel of the noise, for images in [0, 1]; all 0: the mean colour.

    Returns:
        Images in which the erased pixels are mean + std * N(0, 1), in units of 1/255: standard
        normal in the space of a model that normalises by mean and std, as in the papers, where
        images are normalised first. Nothing is clipped.

    Reference: Zhong et al., https://arxiv.org/abs/1708.04896; timm's `RandomErasing`, mode "pixel".
    """
    which, where, what = random_draws.split(seed, 3)
    chosen = random_draws.uniform(which, (tf.shape(images)[0],)) < probability
    index = tf.where(chosen)  # Noise is costly, so it's drawn for these images alone.
    count = tf.shape(index)[0]
    height, width, channels = images.shape[1:]
    hole = rectangles(where, count, height, width)[..., None]
    colour = 255.0 * tf.constant(mean, tf.float32)
    if any(std):
        noise = tf.random.stateless_normal((count, height, width, channels), what)
        colour = colour + 255.0 * tf.constant(std, tf.float32) * noise
    erased = tf.where(hole, colour, tf.gather_nd(images, index))
    return tf.tensor_scatter_nd_update(images, index, erased)


def rectangles(seed: tf.Tensor, count: tf.Tensor, height: int, width: int) -> tf.Tensor:
    """Draw `count` rectangles, each until it fits, ten times at most; bool (count, H, W).

    One that never fits is empty.
    """
    areas, ratios, places = random_draws.split(seed, 3)
    shape = (count, _ATTEMPTS)
    area = random_draws.uniform(areas, shape, *_AREA) * float(height * width)
    ratio = tf.exp(random_draws.uniform(ratios, shape, math.log(_RATIO), -math.log(_RATIO)))
    high, wide = tf.round(tf.sqrt(area * ratio)), tf.round(tf.sqrt(area / ratio))
    fits = (high < height) & (wide < width)
    first = tf.argmax(fits, axis=1)
    found = tf.reduce_any(fits, axis=1)
    shares = random_draws.uniform(places, (count, 2))
    rows, columns = (
        _intervals(tf.gather(sizes, first, batch_dims=1), found, shares[:, axis], whole)
        for axis, (sizes, whole) in enumerate(((high, height), (wide, width)))
    )
    return rows[:, :, None] & columns[:, None, :]


def _intervals(sizes: tf.Tensor, found: tf.Tensor, shares: tf.Tensor, whole: int) -> tf.Tensor:
    """Place intervals anywhere inside `whole` positions; bool (count, whole)."""
    length = tf.where(found, tf.cast(sizes, tf.int32), 0)[:, None]
    start = random_draws.below(shares[:, None], whole - length + 1)
    positions = tf.range(whole)[None, :]
    return (positions >= start) & (positions < start + length)
