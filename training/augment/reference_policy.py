"""The papers' augmentation, in which every random choice depends on the seed alone."""

from collections.abc import Sequence

import tensorflow as tf

from training.augment import random_draws
from training.augment.crop import crop
from training.augment.erase import erase
from training.augment.mix import Batch, mix
from training.augment.rand_augment import choose_operations, color_jitter, rand_augment
from training.augment.settings import Augmentation


class ReferencePolicy:
    """Crops, flips, RandAugment and jitter for images; MixUp or CutMix and erasing for batches.

    `make_policy` builds it and documents its inputs and outputs.

    Reference: timm's `create_transform`, `Mixup` and `RandomErasing`.
    """

    def __init__(
        self,
        settings: Augmentation,
        size: tuple[int, int],
        mean: Sequence[float],
        std: Sequence[float],
    ) -> None:
        self.settings = settings
        self.size = (int(size[0]), int(size[1]))
        self.mean = tuple(mean)
        self.std = tuple(std)
        self.operations = choose_operations(settings, self.mean)

    def image(self, image: tf.Tensor, seed: tf.Tensor) -> tf.Tensor:
        """Return an augmented image, float32 (H, W, C): whole numbers in [0, 255]."""
        image = tf.convert_to_tensor(image)
        cropping, flipping, augmenting, jittering = random_draws.split(_check_seed(seed), 4)
        settings = self.settings
        image = self.crop(image, cropping)
        if settings.flip:
            image = self.flip(image, flipping)
        if settings.rand_layers:
            image = self.rand_augment(image, augmenting)
        if settings.color_jitter:
            image = color_jitter(image, jittering, settings.color_jitter)
        return image

    def batch(self, images: tf.Tensor, labels: tf.Tensor, seed: tf.Tensor) -> Batch:
        """Return images (B, H, W, C) and labels (B, classes) after mixing and erasing."""
        settings = self.settings
        images = tf.cast(images, tf.float32)
        if tuple(images.shape[1:]) != (*self.size, len(self.mean)):
            raise ValueError(
                f"The images must be (batch, {self.size[0]}, {self.size[1]}, {len(self.mean)}), as "
                f"`image` returns them; received {tuple(images.shape)}."
            )
        labels = tf.convert_to_tensor(labels)
        mixing, erasing = random_draws.split(_check_seed(seed), 2)
        if settings.mixup or settings.cutmix:
            images, labels = self.mix(images, labels, mixing)
        if settings.erase:
            std = self.std if settings.erase_fill == "noise" else (0.0,) * len(self.mean)
            images = erase(images, erasing, settings.erase, self.mean, std)
        return images, labels

    def crop(self, image: tf.Tensor, seed: tf.Tensor) -> tf.Tensor:
        return crop(image, seed, self.settings, self.size, len(self.mean))

    def flip(self, image: tf.Tensor, seed: tf.Tensor) -> tf.Tensor:
        mirrored = random_draws.uniform(seed) < self.settings.flip
        return tf.cond(mirrored, lambda: tf.reverse(image, [1]), lambda: image)

    def rand_augment(self, image: tf.Tensor, seed: tf.Tensor) -> tf.Tensor:
        return rand_augment(image, seed, self.settings, self.operations)

    def mix(self, images: tf.Tensor, labels: tf.Tensor, seed: tf.Tensor) -> Batch:
        return mix(images, labels, seed, self.settings)


def _check_seed(seed: tf.Tensor) -> tf.Tensor:
    seed = tf.convert_to_tensor(seed)
    if seed.dtype not in (tf.int32, tf.int64) or seed.shape != (2,):
        raise ValueError(
            "seed must be two integers, int32 or int64 (2,); received "
            f"{seed.dtype.name} {tuple(seed.shape)}."
        )
    return seed
