"""The preprocessing of images for evaluation, as data."""

from dataclasses import dataclass
from typing import Literal

Interpolation = Literal["bicubic", "bilinear"]


@dataclass(frozen=True)
class Preprocessing:
    """How images are turned into the input of a network for evaluation.

    Attributes:
        mean: Mean of each channel, for pixels in [0, 1].
        std: Standard deviation of each channel, for pixels in [0, 1].
        crop: Side of the central crop, as a fraction of the resized image's shorter side.
        interpolation: Filter used for resizing.
    """

    mean: tuple[float, float, float]
    std: tuple[float, float, float]
    crop: float
    interpolation: Interpolation = "bicubic"


IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_STD = (0.229, 0.224, 0.225)
CIFAR_MEAN = (0.4914, 0.4822, 0.4465)
CIFAR_STD = (0.2471, 0.2435, 0.2616)
