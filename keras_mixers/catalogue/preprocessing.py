"""The preprocessing of images for evaluation, as data."""

from dataclasses import dataclass
from typing import Literal, get_args

from keras_mixers.value_checks import check_choice, check_number, excerpt

Interpolation = Literal["bicubic", "bilinear"]
# An image resized for a smaller crop would not fit in memory, not even for one pixel of it.
LEAST_CROP = 1e-4


@dataclass(frozen=True)
class Preprocessing:
    """How images are turned into the input of a network for evaluation.

    Attributes:
        mean: Mean of each channel, for pixels in [0, 1].
        std: Standard deviation of each channel, for pixels in [0, 1].
        crop: Side of the central crop, as a fraction of the resized image's shorter side.
        interpolation: Filter used for resizing.

    Raises:
        ValueError: If a value has another type or is out of range.
    """

    mean: tuple[float, float, float]
    std: tuple[float, float, float]
    crop: float
    interpolation: Interpolation = "bicubic"

    def __post_init__(self) -> None:
        for name, least in (("mean", -1000), ("std", 1e-6)):
            values = getattr(self, name)
            if not isinstance(values, tuple) or len(values) != 3:
                raise ValueError(f"{name} must be three numbers; received {excerpt(values)}.")
            for value in values:
                check_number(f"each {name}", value, least, 1000)
        check_crop(self.crop)
        check_interpolation(self.interpolation)


def check_crop(value: object) -> float:
    """Return a crop as it is, or raise ValueError if it is none."""
    return check_number("crop", value, LEAST_CROP, 1)


def check_interpolation(value: object) -> Interpolation:
    """Return an interpolation as it is, or raise ValueError if it is none."""
    return check_choice("interpolation", value, get_args(Interpolation))  # type: ignore[return-value]


IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_STD = (0.229, 0.224, 0.225)
CIFAR_MEAN = (0.4914, 0.4822, 0.4465)
CIFAR_STD = (0.2471, 0.2435, 0.2616)
