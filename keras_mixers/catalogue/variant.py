"""What is known of a published network, as data."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from keras_mixers.catalogue.preprocessing import Preprocessing
from keras_mixers.catalogue.source import Source

Argument = int | float | str


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
        weights: the released files that fit: address, licence, accuracy, preprocessing of each.
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
    weights: tuple[Source, ...] = ()
