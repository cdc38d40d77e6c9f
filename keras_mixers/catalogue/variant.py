"""Facts about a published network."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from keras_mixers.catalogue.preprocessing import Preprocessing
from keras_mixers.catalogue.source import Source

Argument = int | float | bool | str


@dataclass(frozen=True)
class Variant:
    """A published network.

    Attributes:
        name: Name to pass to `create_model`.
        family: Name of the function that builds it, such as "ConvMixer".
        arguments: Arguments of that function.
        parameters: Exact number of trainable parameters.
        fixed_parameters: Exact number of parameters that no optimiser updates (running
            statistics, position table, random features).
        multiply_adds: Multiply-adds of convolutions, Dense layers and attention for one image, in
            billions.
        top1: Published accuracy in percent, on ImageNet-1k unless `top1_source` says otherwise.
        top1_source: Where `top1` was published, and what the network was trained on; or why `top1`
            is None.
        preprocessing: Preprocessing of the images in the published evaluation.
        paper: Address of the paper.
        input_shape: (H, W, C) of the published network.
        classes: Number of classes of the published network.
        weights: The released files that fit, with their addresses, licences and accuracies.
    """

    name: str
    family: Literal["ConvMixer", "MLPMixer", "T2TViT", "ViT", "ResMLP", "gMLP"]
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
    weights: tuple[Source, ...] = ()
