"""The ConvMixers that were released, each in two containers.

The authors trained 768/32 with ReLU and the others with GELU, as the variants say.
"""

from dataclasses import replace

from keras_mixers.models.variant import IMAGENET_MEAN, IMAGENET_STD, Preprocessing
from keras_mixers.weights.sources.source import Source, hub_address

_README = "ConvMixer authors' README"
_CONVERTED = "mmpretrain's table of the authors' weights"


def _both(
    variant: str, authors: tuple[str, float, str], timm: tuple[str, float]
) -> tuple[Source, Source]:
    """timm's container, which is read without torch, and the authors', of the same weights.

    `authors` is file, accuracy and where it was published; `timm` is repository and accuracy.
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
        preprocessing=Preprocessing(IMAGENET_MEAN, IMAGENET_STD, crop=0.96),
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
    *_both(
        "convmixer_1536_20",
        authors=("convmixer_1536_20_ks9_p7.pth.tar", 81.37, _README),
        timm=("convmixer_1536_20.in1k", 81.382),
    ),
    *_both(
        "convmixer_768_32",
        authors=("convmixer_768_32_ks7_p7_relu.pth.tar", 80.16, _CONVERTED),
        timm=("convmixer_768_32.in1k", 80.158),
    ),
    *_both(
        "convmixer_1024_20_p14",
        authors=("convmixer_1024_20_ks9_p14.pth.tar", 76.94, _CONVERTED),
        timm=("convmixer_1024_20_ks9_p14.in1k", 76.944),
    ),
)
