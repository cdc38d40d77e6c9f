"""The interface of augmentation policies, and `make_policy`, which builds one from settings."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Protocol

from training.augment.settings import Augmentation

if TYPE_CHECKING:  # Settings can be imported without TensorFlow.
    import tensorflow as tf


class Policy(Protocol):
    """Augmentation of single images, and then of batches, for `tf.data.Dataset.map`."""

    def image(self, image: "tf.Tensor", seed: "tf.Tensor") -> "tf.Tensor":
        """Return an augmented image, float32 (H, W, C) in [0, 255]."""

    def batch(
        self, images: "tf.Tensor", labels: "tf.Tensor", seed: "tf.Tensor"
    ) -> "tuple[tf.Tensor, tf.Tensor]":
        """Return images (B, H, W, C) and labels (B, classes) after mixing and erasing."""


def make_policy(
    settings: Augmentation, size: tuple[int, int], mean: Sequence[float], std: Sequence[float]
) -> Policy:
    """Build an augmentation policy for a model's input.

    `image` takes pixels (height, width, C), uint8 or float, in [0, 255], or the bytes of a JPEG or
    PNG file, a scalar string; for a random crop of a JPEG file, only the crop is decoded. `batch`
    takes float images (B, H, W, C) and one-hot labels (B, classes) of a float type. The last
    argument of both is the seed of that image or batch, int32 or int64 (2,).

    With the "reference" policy, the result depends on the arguments alone, whatever the number of
    threads. Erased pixels may lie outside [0, 255], as they are noise in the model's normalised
    space.

    Args:
        settings: how to augment.
        size: (height, width) of the model's input.
        mean: mean per channel, for images in [0, 1]; one number for each channel of the images.
        std: standard deviation per channel, for images in [0, 1].

    Raises:
        ValueError: if `size`, `mean` or `std` is invalid, or keras-cv doesn't support this number
            of channels.
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
            "mean and std must hold one number per channel, for 1 or 3 channels; received "
            f"{len(mean)} and {len(std)}."
        )
    if settings.policy == "keras_cv":
        from training.augment.keras_cv_policy import KerasCVPolicy

        return KerasCVPolicy(settings, size, mean, std)
    from training.augment.reference_policy import ReferencePolicy

    if settings.policy == "none":
        settings = Augmentation(crop="none", flip=0.0)
    return ReferencePolicy(settings, size, mean, std)
