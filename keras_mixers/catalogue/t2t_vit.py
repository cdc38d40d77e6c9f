"""The T2T-ViTs of the paper, and the released files."""

from dataclasses import replace

from keras_mixers.catalogue.preprocessing import IMAGENET_MEAN, IMAGENET_STD, Preprocessing
from keras_mixers.catalogue.source import Source
from keras_mixers.catalogue.variant import Variant

PREPROCESSING = Preprocessing(IMAGENET_MEAN, IMAGENET_STD, crop=0.9)

_README = "T2T-ViT authors' README, trained on ImageNet-1k"
_TABLE_6 = "T2T-ViT paper, table 6, trained on ImageNet-1k"


def _t2t_vit(
    name: str,
    size: tuple[int, int, int, float, str],
    parameters: tuple[int, int],
    multiply_adds: float,
    top1: float,
    top1_source: str = _README,
) -> Variant:
    """Make a variant.

    `size` is (hidden_dim, depth, num_heads, mlp_ratio, token_mixer). `parameters` is the number of
    trainable and of fixed parameters (position table and random features).
    """
    hidden_dim, depth, num_heads, mlp_ratio, token_mixer = size
    return Variant(
        name=name,
        family="T2TViT",
        arguments={
            "hidden_dim": hidden_dim,
            "depth": depth,
            "num_heads": num_heads,
            "mlp_ratio": mlp_ratio,
            "token_mixer": token_mixer,
        },
        parameters=parameters[0],
        fixed_parameters=parameters[1],
        multiply_adds=multiply_adds,
        top1=top1,
        top1_source=top1_source,
        preprocessing=PREPROCESSING,
        paper="https://arxiv.org/abs/2101.11986",
    )


_P, _T = "performer", "transformer"

T2T_VIT_VARIANTS = (
    _t2t_vit("t2t_vit_7", (256, 7, 4, 2.0, _P), (4_255_694, 54_528), 1.1469, 71.7),
    _t2t_vit("t2t_vit_10", (256, 10, 4, 2.0, _P), (5_834_702, 54_528), 1.5163, 75.2),
    _t2t_vit("t2t_vit_12", (256, 12, 4, 2.0, _P), (6_887_374, 54_528), 1.7626, 76.5),
    _t2t_vit("t2t_vit_14", (384, 14, 6, 3.0, _P), (21_465_806, 79_744), 4.7835, 81.5),
    _t2t_vit("t2t_vit_19", (448, 19, 7, 3.0, _P), (39_085_070, 92_352), 8.4797, 81.9),
    _t2t_vit("t2t_vit_24", (512, 24, 8, 3.0, _P), (64_000_974, 104_960), 13.6619, 82.3),
    _t2t_vit("t2t_vit_t_14", (384, 14, 6, 3.0, _T), (21_465_422, 75_648), 6.0887, 81.7),
    _t2t_vit("t2t_vit_t_19", (448, 19, 7, 3.0, _T), (39_084_686, 88_256), 9.7849, 82.4),
    _t2t_vit("t2t_vit_t_24", (512, 24, 8, 3.0, _T), (64_000_590, 100_864), 14.9671, 82.6),
    _t2t_vit(
        "t2t_vit_14_resnext", (384, 14, 32, 3.0, _P), (21_465_806, 79_744), 4.7835, 81.5, _TABLE_6
    ),
    _t2t_vit(
        "t2t_vit_14_wide", (768, 4, 12, 3.0, _P), (25_000_910, 155_392), 5.2293, 77.9, _TABLE_6
    ),
)


# The released files. All of them scale attention by head_dim**-0.5; none uses the `qk_scale`
# that the authors' code sets with `pretrained=True`.

# The authors' transfer code uses its own std, and resizes the 32 x 32 pixels without cropping.
_CIFAR = Preprocessing(
    (0.4914, 0.4822, 0.4465), (0.2023, 0.1994, 0.2010), crop=1.0, interpolation="bilinear"
)


def _imagenet(
    variant: str, file: str, top1: float, name: str = "imagenet", image_size: int = 224
) -> Source:
    """Make the source of a network that was trained on ImageNet-1k."""
    return Source(
        variant=variant,
        name=name,
        url=f"https://github.com/yitu-opensource/T2T-ViT/releases/download/main/{file}",
        file=file,
        dataset="ImageNet-1k",
        classes=1000,
        licence="BSD-3-Clause-Clear",
        top1=top1,
        top1_source="T2T-ViT authors' README",
        preprocessing=PREPROCESSING,
        image_size=image_size,
    )


def _cifar(variant: str, classes: int, file: str, top1: float) -> Source:
    """Make the source of a network that was fine-tuned on CIFAR, enlarged to 224 pixels."""
    return replace(
        _imagenet(variant, file, top1, name=f"cifar{classes}"),
        dataset=f"CIFAR-{classes}",
        classes=classes,
        preprocessing=_CIFAR,
    )


T2T_VIT_SOURCES = (
    _imagenet("t2t_vit_7", "71.7_T2T_ViT_7.pth.tar", 71.7),
    _imagenet("t2t_vit_10", "75.2_T2T_ViT_10.pth.tar", 75.2),
    _imagenet("t2t_vit_12", "76.5_T2T_ViT_12.pth.tar", 76.5),
    _imagenet("t2t_vit_14", "81.5_T2T_ViT_14.pth.tar", 81.5),
    _imagenet("t2t_vit_14", "83.3_T2T_ViT_14.pth.tar", 83.3, "imagenet-384", image_size=384),
    _imagenet("t2t_vit_19", "81.9_T2T_ViT_19.pth.tar", 81.9),
    _imagenet("t2t_vit_24", "82.3_T2T_ViT_24.pth.tar", 82.3),
    _imagenet("t2t_vit_24", "84.2_T2T_ViT_24.pth.tar", 84.2, "imagenet-token-labeling"),
    _imagenet("t2t_vit_t_14", "81.7_T2T_ViTt_14.pth.tar", 81.7),
    _imagenet("t2t_vit_t_19", "82.4_T2T_ViTt_19.pth.tar", 82.4),
    _imagenet("t2t_vit_t_24", "82.6_T2T_ViTt_24.pth.tar", 82.6),
    _cifar("t2t_vit_14", 10, "cifar10_t2t-vit_14_98.3.pth", 98.3),
    _cifar("t2t_vit_14", 100, "cirfar100_t2t-vit-14_88.4.pth", 88.4),  # as the authors spell it
    _cifar("t2t_vit_19", 10, "cifar10_t2t-vit_19_98.4.pth", 98.4),
    _cifar("t2t_vit_19", 100, "cifar100_t2t-vit-19_89.0.pth", 89.0),
)
