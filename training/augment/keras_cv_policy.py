"""Augmentation by keras-cv's layers, where they are correct; they don't take a seed per image."""

import random
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from types import ModuleType

import keras
import tensorflow as tf

from training.augment.crop import decode
from training.augment.mix import Batch, mix
from training.augment.reference_policy import ReferencePolicy
from training.augment.settings import Augmentation


class KerasCVPolicy(ReferencePolicy):
    """RandomCropAndResize, RandomFlip, RandAugment and MixUp of keras-cv 0.9, in float32.

    CutMix is `ReferencePolicy`'s, because keras-cv weights the labels by a rectangle that it does
    not clip at the image's edge. So is erasing, because keras-cv's RandomCutout has neither a
    probability nor a range of areas.

    keras-cv's layers draw from one sequence of random numbers and ignore the seeds of images and
    batches. A policy that is built after `keras.utils.set_random_seed` is therefore reproducible
    only if the images are mapped sequentially, from the first one on.

    Raises:
        ModuleNotFoundError: if keras-cv is missing.
        ValueError: if RandAugment is on and the images don't have 3 channels.
    """

    def __init__(
        self,
        settings: Augmentation,
        size: tuple[int, int],
        mean: Sequence[float],
        std: Sequence[float],
    ) -> None:
        super().__init__(settings, size, mean, std)
        if settings.rand_layers and len(self.mean) != 3:
            raise ValueError(
                "keras-cv's RandAugment needs 3 channels; received "
                f"{len(self.mean)}; choose policy='reference' or rand_layers=0."
            )
        layers = _import_keras_cv().layers
        with _float32_policy(), _own_generator():
            self._build(layers)

    def _build(self, layers: ModuleType) -> None:
        settings = self.settings
        self._random_crop = layers.RandomCropAndResize(
            target_size=self.size,
            crop_area_factor=settings.crop_scale,
            aspect_ratio_factor=settings.crop_ratio,
            interpolation="bilinear",  # The layer has no bicubic filter.
        )
        self._random_flip = layers.RandomFlip(rate=settings.flip)
        self._rand_augment = layers.RandAugment(
            value_range=(0, 255),
            augmentations_per_image=settings.rand_layers,
            magnitude=min(settings.rand_magnitude / 10, 1.0),
            magnitude_stddev=min(settings.rand_magnitude_std / 10, 1.0),
            rate=settings.rand_probability,
        )
        self._mixup = layers.MixUp(alpha=settings.mixup)

    def crop(self, image: tf.Tensor, seed: tf.Tensor) -> tf.Tensor:
        if self.settings.crop in ("pad", "none"):
            return super().crop(image, seed)
        channels = len(self.mean)
        part = self._random_crop(decode(image, channels))
        return tf.ensure_shape(part, (*self.size, channels))

    def flip(self, image: tf.Tensor, seed: tf.Tensor) -> tf.Tensor:
        return tf.ensure_shape(self._random_flip(image), image.shape)

    def rand_augment(self, image: tf.Tensor, seed: tf.Tensor) -> tf.Tensor:
        return tf.ensure_shape(self._rand_augment(image), image.shape)

    def mix(self, images: tf.Tensor, labels: tf.Tensor, seed: tf.Tensor) -> Batch:
        return mix(images, labels, seed, self.settings, mixup=self._keras_cv_mixup)

    def _keras_cv_mixup(
        self, images: tf.Tensor, labels: tf.Tensor, seed: tf.Tensor, alpha: float
    ) -> Batch:
        both = self._mixup({"images": images, "labels": labels})
        return (
            tf.ensure_shape(both["images"], images.shape),
            tf.ensure_shape(tf.cast(both["labels"], labels.dtype), labels.shape),
        )


@contextmanager
def _float32_policy() -> Iterator[None]:
    """Build layers in float32; those inside RandAugment take Keras's global policy, not its own."""
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy("float32")
    try:
        yield
    finally:
        keras.config.set_dtype_policy(before)


@contextmanager
def _own_generator() -> Iterator[None]:
    """Build layers that draw from one generator, which `keras.utils.set_random_seed` seeds.

    By default, layers draw from TensorFlow's global generator, which `set_random_seed` doesn't
    seed. With the layers' `seed` argument, all layers inside RandAugment would get the same seed,
    and the choice of an operation would determine whether it is applied.
    """
    with tf.device("/cpu:0"):  # Where tf.data runs.
        before = tf.random.get_global_generator()
        own = tf.random.Generator.from_seed(random.getrandbits(31))
    tf.random.set_global_generator(own)
    try:
        yield
    finally:
        tf.random.set_global_generator(before)


def _import_keras_cv() -> ModuleType:
    try:
        import keras_cv
    except ModuleNotFoundError as error:
        if error.name != "keras_cv":
            raise
        raise ModuleNotFoundError(
            "The 'keras_cv' augmentation needs keras-cv, which is missing; install "
            "keras-mixers[train], or choose policy='reference'.",
            name="keras_cv",
        ) from None
    return keras_cv
