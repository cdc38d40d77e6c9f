"""What is known of a published network, as data."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from keras_mixers.weights.sources import Source

Argument = int | float | str


@dataclass(frozen=True)
class Preprocessing:
    """How images become the input of a network at evaluation.

    Attributes:
        mean: per channel, of pixels in [0, 1].
        std: per channel, of pixels in [0, 1].
        crop: side of the central crop, as a share of the resized image's shorter side.
        interpolation: filter of the resize.
    """

    mean: tuple[float, float, float]
    std: tuple[float, float, float]
    crop: float
    interpolation: Literal["bicubic", "bilinear"] = "bicubic"


IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_STD = (0.229, 0.224, 0.225)
CIFAR_MEAN = (0.4914, 0.4822, 0.4465)
CIFAR_STD = (0.2471, 0.2435, 0.2616)


@dataclass(frozen=True)
class Variant:
    """One row of a table of published networks.

    Attributes:
        name: what `create_model` calls it.
        family: "ConvMixer", "MLPMixer" or "T2TViT", the function that builds it.
        arguments: that function's arguments.
        parameters: trainable parameters, exact.
        fixed_parameters: parameters that no optimiser moves (running statistics, position table,
            random features), exact.
        multiply_adds: 1e9 multiply-adds of convolutions, Dense layers and attention, one image.
        top1: accuracy in percent as published, on ImageNet-1k unless `top1_source` says other.
        top1_source: where `top1` was published, and of which training.
        preprocessing: of the published evaluation.
        paper: address of the paper.
        input_shape: (H, W, C) of the published network.
        classes: of the published network.
    """

    name: str
    family: Literal["ConvMixer", "MLPMixer", "T2TViT"]
    arguments: Mapping[str, Argument] = field(hash=False)
    parameters: int
    fixed_parameters: int
    multiply_adds: float
    top1: float | None
    top1_source: str
    preprocessing: Preprocessing
    paper: str
    input_shape: tuple[int, int, int] = (224, 224, 3)
    classes: int = 1000

    @property
    def weights(self) -> tuple["Source", ...]:
        """The released files that fit: address, licence, accuracy, preprocessing of each."""
        from keras_mixers.weights.sources import sources_of  # The floor above, as data.

        return sources_of(self.name)
