"""Random erasing: fills a rectangle of some images in a batch with noise or the mean colour."""

import math
from collections.abc import Sequence

import tensorflow as tf

from training.augment import random_draws

# Smallest and largest share of the image's area, as in timm; torchvision's largest is 0.33.
_AREA = (0.02, 1 / 3)
_RATIO = 0.3  # Smallest height / width; the largest is its inverse.
_ATTEMPTS = 10


def erase(
    images: tf.Tensor,
    seed: tf.Tensor,
    probability: float,
    mean: Sequence[float],
    std: Sequence[float],
) -> tf.Tensor:
    """Erase a random rectangle of each image with the given probability.

    Args:
        images: float32 (B, H, W, C) in [0, 255].
        seed: seed of this batch, (2,).
        probability: probability for each image.
        mean: mean of the noise per channel, for images in [0, 1].
        std: standard deviation of the noise per channel, for images in [0, 1]; if all are 0, the
            rectangle has the mean colour.

    Returns:
        Images whose erased pixels are 255 * (mean + std * N(0, 1)), not clipped. After a model's
        normalisation by mean and std they are standard normal, as in the papers, which normalise
        images before they erase.

    Reference: Zhong et al., https://arxiv.org/abs/1708.04896; timm's `RandomErasing`, mode "pixel".
    """
    which, where, what = random_draws.split(seed, 3)
    chosen = random_draws.uniform(which, (tf.shape(images)[0],)) < probability
    index = tf.where(chosen)  # Noise is expensive, so it is drawn for these images only.
    count = tf.shape(index)[0]
    height, width, channels = images.shape[1:]
    hole = draw_rectangles(where, count, height, width)[..., None]
    colour = 255.0 * tf.constant(mean, tf.float32)
    if any(std):
        noise = tf.random.stateless_normal((count, height, width, channels), what)
        colour = colour + 255.0 * tf.constant(std, tf.float32) * noise
    erased = tf.where(hole, colour, tf.gather_nd(images, index))
    return tf.tensor_scatter_nd_update(images, index, erased)


def draw_rectangles(seed: tf.Tensor, count: tf.Tensor, height: int, width: int) -> tf.Tensor:
    """Draw `count` rectangles that lie inside the image, as masks (count, H, W), bool.

    Each is drawn until it fits. If none of ten draws fits, the mask is empty.
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
        _place_intervals(tf.gather(sizes, first, batch_dims=1), found, shares[:, axis], whole)
        for axis, (sizes, whole) in enumerate(((high, height), (wide, width)))
    )
    return rows[:, :, None] & columns[:, None, :]


def _place_intervals(
    sizes: tf.Tensor, found: tf.Tensor, shares: tf.Tensor, whole: int
) -> tf.Tensor:
    """Place an interval of each size inside `whole` positions, as masks (count, whole), bool."""
    length = tf.where(found, tf.cast(sizes, tf.int32), 0)[:, None]
    start = random_draws.below(shares[:, None], whole - length + 1)
    positions = tf.range(whole)[None, :]
    return (positions >= start) & (positions < start + length)
