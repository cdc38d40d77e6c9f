"""What every policy can do, and the one that a recipe's settings ask for."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Protocol

from training.augment.settings import Augmentation

if TYPE_CHECKING:  # Settings can be read without TensorFlow.
    import tensorflow as tf


class Policy(Protocol):
    """Augmentation of single images, then of batches, inside `tf.data.Dataset.map`."""

    def image(self, image: "tf.Tensor", seed: "tf.Tensor") -> "tf.Tensor":
        """Return a decoded or encoded image as float32 (H, W, C) in [0, 255]."""

    def batch(
        self, images: "tf.Tensor", labels: "tf.Tensor", seed: "tf.Tensor"
    ) -> "tuple[tf.Tensor, tf.Tensor]":
        """Return images (B, H, W, C) and labels (B, classes), mixed and erased."""


def make_policy(
    settings: Augmentation, size: tuple[int, int], mean: Sequence[float], std: Sequence[float]
) -> Policy:
    """Build the policy of these settings for a model's input.

    `image` takes uint8 or float (height, width, C) in [0, 255], or the bytes of a JPEG or PNG file,
    a string; of a JPEG file a random crop decodes no more than itself. `batch` takes float images
    (B, H, W, C) and floating one-hot labels (B, classes). The last argument of both is a seed of
    that image's or batch's own, int32 or int64 (2,). With the "reference" policy the result is a
    function of the arguments alone, whatever the number of threads. Erased pixels may leave
    [0, 255]: they are noise in the space that the model's own normalisation yields.

    Args:
        settings: what to do.
        size: (height, width) of the model's input.
        mean: of each channel, for images in [0, 1]; their number is the number of channels.
        std: of each channel, for images in [0, 1].

    Raises:
        ValueError: if size, mean or std make no sense, or keras-cv can't treat so many channels.
        ModuleNotFoundError: if the policy is "keras_cv" and keras-cv is missing.

    Example:

    >>> import tensorflow as tf
    >>> settings = Augmentation(mixup=0.8, erase=0.25)
    >>> policy = make_policy(settings, (32, 32), mean=[0.5] * 3, std=[0.5] * 3)
    >>> images = tf.data.Dataset.from_tensors(tf.zeros((48, 40, 3), tf.uint8)).repeat(4)
    >>> images = images.enumerate().map(lambda k, image: policy.image(image, tf.stack([0, k])))
    >>> batch = images.batch(4).map(lambda x: policy.batch(x, tf.one_hot([0, 1, 2, 1], 3), [0, 4]))
    >>> [tuple(part.shape) for part in next(iter(batch))]
    [(4, 32, 32, 3), (4, 3)]
    """
    if len(size) != 2 or min(size) < 1:
        raise ValueError(f"size must be (height, width) in pixels; received {tuple(size)}.")
    if len(mean) not in (1, 3) or len(mean) != len(std):
        raise ValueError(
            "mean and std must hold one number a channel, for 1 or 3 channels; received "
            f"{len(mean)} and {len(std)}."
        )
    if settings.policy == "keras_cv":
        from training.augment.keras_cv_policy import KerasCVPolicy

        return KerasCVPolicy(settings, size, mean, std)
    from training.augment.reference_policy import ReferencePolicy

    if settings.policy == "none":
        settings = Augmentation(crop="none", flip=0.0)
    return ReferencePolicy(settings, size, mean, std)
