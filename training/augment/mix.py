"""MixUp and CutMix of a batch with itself in reverse order, by one share for all images."""

from collections.abc import Callable

import tensorflow as tf

from training.augment import random_draws
from training.augment.settings import Augmentation

Batch = tuple[tf.Tensor, tf.Tensor]
Mix = Callable[[tf.Tensor, tf.Tensor, tf.Tensor, float], Batch]


def mixup(images: tf.Tensor, labels: tf.Tensor, seed: tf.Tensor, alpha: float) -> Batch:
    """Blend images and labels with their partners', by a share drawn from Beta(alpha, alpha).

    Reference: Zhang et al., https://arxiv.org/abs/1710.09412; timm's `Mixup`, mode "batch".
    """
    share = random_draws.beta(seed, alpha)
    return (
        share * images + (1.0 - share) * tf.reverse(images, [0]),
        share * labels + (1.0 - share) * tf.reverse(labels, [0]),
    )


def cutmix(images: tf.Tensor, labels: tf.Tensor, seed: tf.Tensor, alpha: float) -> Batch:
    """Paste a rectangle of the partner; labels are weighted by the pixels visible of each image.

    Reference: Yun et al., https://arxiv.org/abs/1905.04899; timm's `Mixup`, mode "batch".
    """
    amount, place = random_draws.split(seed, 2)
    side = tf.sqrt(1.0 - random_draws.beta(amount, alpha))
    height, width = images.shape[1:3]
    shares = random_draws.uniform(place, (2,))
    rows, columns = (
        _interval(size, side, share)
        for size, share in zip((height, width), tf.unstack(shares), strict=True)
    )
    pasted = rows[:, None] & columns[None, :]
    share = tf.reduce_mean(tf.cast(pasted, labels.dtype))
    images = tf.where(pasted[None, :, :, None], tf.reverse(images, [0]), images)
    return images, (1.0 - share) * labels + share * tf.reverse(labels, [0])


def mix(
    images: tf.Tensor,
    labels: tf.Tensor,
    seed: tf.Tensor,
    settings: Augmentation,
    mixup: Mix = mixup,
) -> Batch:
    """Apply MixUp or CutMix to a batch, or leave it as it is, with the settings' probabilities.

    Args:
        images: float32 (B, H, W, C).
        labels: float32 (B, classes).
        seed: seed of this batch, (2,).
        settings: settings of MixUp and CutMix; at least one of them must be on.
        mixup: implementation of MixUp.

    Raises:
        ValueError: if the labels are not one-hot, or there is only one image.
    """
    images = _check_batch(images, labels)
    which, how = random_draws.split(seed, 2)
    shares = random_draws.uniform(which, (2,))
    use_mixup, use_cutmix = settings.mixup > 0, settings.cutmix > 0

    def mixed() -> Batch:
        if not use_cutmix:
            return mixup(images, labels, how, settings.mixup)
        if not use_mixup:
            return cutmix(images, labels, how, settings.cutmix)
        return tf.cond(
            shares[0] < settings.switch_probability,
            lambda: cutmix(images, labels, how, settings.cutmix),
            lambda: mixup(images, labels, how, settings.mixup),
        )

    return tf.cond(shares[1] < settings.mix_probability, mixed, lambda: (images, labels))


def _interval(size: int, side: tf.Tensor, share: tf.Tensor) -> tf.Tensor:
    """Return a mask (size,), bool, of a random interval, which is clipped at both ends."""
    length = tf.cast(side * size, tf.int32)
    start = random_draws.below(share, size) - length // 2
    positions = tf.range(size)
    return (positions >= start) & (positions < start + length)


def _check_batch(images: tf.Tensor, labels: tf.Tensor) -> tf.Tensor:
    """Return the images; if their number is unknown, it is checked when they are computed."""
    if not labels.dtype.is_floating or labels.shape.rank not in (None, 2):
        raise ValueError(
            "Mixing needs one-hot labels (batch, classes) of a float type; received "
            f"{labels.dtype.name} {tuple(labels.shape)}; use tf.one_hot(labels, classes)."
        )
    only_one = (
        "Mixing needs at least 2 images in a batch; received 1; batch with drop_remainder=True, or "
        "set mixup=0 and cutmix=0."
    )
    if images.shape[0] == 1:
        raise ValueError(only_one)
    if images.shape[0] is None:
        several = tf.debugging.assert_none_equal(tf.shape(images)[0], 1, message=only_one)
        with tf.control_dependencies([several]):
            return tf.identity(images)
    return images
