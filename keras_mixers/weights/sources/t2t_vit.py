"""The T2T-ViTs that were released.

All of them scale attention by head_dim**-0.5: the `qk_scale` that the authors' code sets with
`pretrained=True` is of no released file.
"""

from dataclasses import replace

from keras_mixers.models.variant import IMAGENET_MEAN, IMAGENET_STD, Preprocessing
from keras_mixers.weights.sources.source import Source

# The authors' transfer normalises with a std of its own, and resizes 32 x 32 pixels without a crop.
_CIFAR = Preprocessing(
    (0.4914, 0.4822, 0.4465), (0.2023, 0.1994, 0.2010), crop=1.0, interpolation="bilinear"
)


def _imagenet(
    variant: str, file: str, top1: float, name: str = "imagenet", image_size: int = 224
) -> Source:
    """A network that was trained on ImageNet-1k."""
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
        preprocessing=Preprocessing(IMAGENET_MEAN, IMAGENET_STD, crop=0.9),
        image_size=image_size,
    )


def _cifar(variant: str, classes: int, file: str, top1: float) -> Source:
    """A network that was transferred to CIFAR, enlarged to 224 pixels."""
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
