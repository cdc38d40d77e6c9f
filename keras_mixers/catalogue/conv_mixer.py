"""The ConvMixers of the paper, the sizes of its CIFAR-10 experiments, and the released files."""

from dataclasses import replace

from keras_mixers.catalogue.preprocessing import (
    CIFAR_MEAN,
    CIFAR_STD,
    IMAGENET_MEAN,
    IMAGENET_STD,
    Preprocessing,
)
from keras_mixers.catalogue.source import Source, hub_address
from keras_mixers.catalogue.variant import Variant

PREPROCESSING = Preprocessing(IMAGENET_MEAN, IMAGENET_STD, crop=0.96)

_README = "ConvMixer authors' README, trained on ImageNet-1k"
_CONVERTED = "mmpretrain's table of the authors' weights, trained on ImageNet-1k"
_QUOTED = "ConvMixer paper as quoted by others, trained on ImageNet-1k"
_CIFAR_README = "convmixer-cifar10's README, trained on CIFAR-10 for 25 epochs"
_CIFAR_QUOTED = "ConvMixer paper as quoted by others, trained on CIFAR-10"
_UNCONFIRMED = "in the ConvMixer paper; the figure could not be confirmed"


def _conv_mixer(
    name: str,
    size: tuple[int, int, int, int, str],
    parameters: int,
    multiply_adds: float,
    top1: float | None,
    top1_source: str,
    cifar: bool = False,
) -> Variant:
    """Make a variant; `size` is (hidden_dim, depth, patch_size, kernel_size, activation)."""
    hidden_dim, depth, patch_size, kernel_size, activation = size
    return Variant(
        name=name,
        family="ConvMixer",
        arguments={
            "hidden_dim": hidden_dim,
            "depth": depth,
            "patch_size": patch_size,
            "kernel_size": kernel_size,
            "activation": activation,
        },
        parameters=parameters,
        # Moving mean and variance of 2 * depth + 1 batch normalisations.
        fixed_parameters=2 * hidden_dim * (2 * depth + 1),
        multiply_adds=multiply_adds,
        top1=top1,
        top1_source=top1_source,
        preprocessing=Preprocessing(CIFAR_MEAN, CIFAR_STD, crop=1.0) if cifar else PREPROCESSING,
        paper="https://arxiv.org/abs/2201.09792",
        input_shape=(32, 32, 3) if cifar else (224, 224, 3),
        classes=10 if cifar else 1000,
    )


CONV_MIXER_VARIANTS = (
    _conv_mixer("convmixer_1536_20", (1536, 20, 7, 9, "gelu"), 51_625_960, 51.0992, 81.37, _README),
    _conv_mixer(
        "convmixer_768_32", (768, 32, 7, 7, "relu"), 21_110_248, 20.6769, 80.16, _CONVERTED
    ),
    _conv_mixer(
        "convmixer_1024_20_p14", (1024, 20, 14, 9, "gelu"), 24_383_464, 5.9485, 76.94, _CONVERTED
    ),
    _conv_mixer(
        "convmixer_1536_20_k3", (1536, 20, 7, 3, "gelu"), 49_414_120, 48.8342, 80.43, _QUOTED
    ),
    _conv_mixer(
        "convmixer_1536_20_p14", (1536, 20, 14, 9, "gelu"), 52_303_336, 12.9494, 78.92, _QUOTED
    ),
    _conv_mixer(
        "convmixer_1536_24_p14", (1536, 24, 14, 9, "gelu"), 62_275_048, 15.4927, None, _UNCONFIRMED
    ),
    _conv_mixer(
        "convmixer_1024_16", (1024, 16, 7, 9, "gelu"), 19_381_224, 18.6940, None, _UNCONFIRMED
    ),
    _conv_mixer("convmixer_1024_12", (1024, 12, 7, 8, "gelu"), 14_621_672, 13.8454, 77.8, _QUOTED),
    _conv_mixer("convmixer_512_16", (512, 16, 7, 8, "gelu"), 5_357_544, 4.9094, 73.76, _QUOTED),
    _conv_mixer("convmixer_512_12", (512, 12, 7, 8, "gelu"), 4_165_608, 3.7015, None, _UNCONFIRMED),
    _conv_mixer(
        "convmixer_768_32_p14", (768, 32, 14, 3, "relu"), 20_465_896, 5.0048, None, _UNCONFIRMED
    ),
    _conv_mixer(
        "convmixer_256_8_p2_k5", (256, 8, 2, 5, "gelu"), 594_186, 0.1481, 92.60, _CIFAR_README, True
    ),
    _conv_mixer(
        "convmixer_256_8_p1_k5", (256, 8, 1, 5, "gelu"), 591_882, 0.5901, 95.11, _CIFAR_QUOTED, True
    ),
    _conv_mixer(
        "convmixer_256_8_p1_k8", (256, 8, 1, 8, "gelu"), 671_754, 0.6719, None, _UNCONFIRMED, True
    ),
    _conv_mixer(
        "convmixer_256_8_p1_k9", (256, 8, 1, 9, "gelu"), 706_570, 0.7075, 96.03, _CIFAR_QUOTED, True
    ),
    _conv_mixer(
        "convmixer_256_8_p2_k9", (256, 8, 2, 9, "gelu"), 708_874, 0.1775, 95.08, _CIFAR_QUOTED, True
    ),
    _conv_mixer(
        "convmixer_256_16_p1_k8",
        (256, 16, 1, 8, "gelu"),
        1_339_402,
        1.3430,
        None,
        _UNCONFIRMED,
        True,
    ),
    _conv_mixer(
        "convmixer_256_16_p1_k9",
        (256, 16, 1, 9, "gelu"),
        1_409_034,
        1.4143,
        None,
        _UNCONFIRMED,
        True,
    ),
    _conv_mixer(
        "convmixer_128_4_p1_k8", (128, 4, 1, 8, "gelu"), 103_434, 0.1011, 91.26, _CIFAR_QUOTED, True
    ),
)


# The released files. The authors trained 768/32 with ReLU and the others with GELU, as the
# variants' arguments say. Each network was released in two formats.

_BY_AUTHORS = "ConvMixer authors' README"
_BY_MMPRETRAIN = "mmpretrain's table of the authors' weights"


def _two_formats(
    variant: str, authors: tuple[str, float, str], timm: tuple[str, float]
) -> tuple[Source, Source]:
    """Make the sources of timm's file, which is read without torch, and of the authors' file.

    Both hold the same weights. `authors` is (file, accuracy, where that was published); `timm` is
    (repository, accuracy).
    """
    repository, timm_top1 = timm
    file, top1, top1_source = authors
    converted = Source(
        variant=variant,
        name="imagenet",
        url=hub_address(f"timm/{repository}"),
        file=f"{repository}.safetensors",
        dataset="ImageNet-1k",
        classes=1000,
        licence="MIT",
        top1=timm_top1,
        top1_source="timm's table of the authors' weights",
        preprocessing=PREPROCESSING,
    )
    original = replace(
        converted,
        name="imagenet-authors",
        url=f"https://github.com/tmp-iclr/convmixer/releases/download/v1.0/{file}",
        file=file,
        top1=top1,
        top1_source=top1_source,
    )
    return converted, original


CONV_MIXER_SOURCES = (
    *_two_formats(
        "convmixer_1536_20",
        authors=("convmixer_1536_20_ks9_p7.pth.tar", 81.37, _BY_AUTHORS),
        timm=("convmixer_1536_20.in1k", 81.382),
    ),
    *_two_formats(
        "convmixer_768_32",
        authors=("convmixer_768_32_ks7_p7_relu.pth.tar", 80.16, _BY_MMPRETRAIN),
        timm=("convmixer_768_32.in1k", 80.158),
    ),
    *_two_formats(
        "convmixer_1024_20_p14",
        authors=("convmixer_1024_20_ks9_p14.pth.tar", 76.94, _BY_MMPRETRAIN),
        timm=("convmixer_1024_20_ks9_p14.in1k", 76.944),
    ),
)
