"""The MLP-Mixers that were released: Google's own files, and timm's.

Google trained with the tanh form of GELU. timm runs the same weights with the exact one, and its
accuracies are of that, so its files keep the variant's.
"""

from keras_mixers.models.variant import Preprocessing
from keras_mixers.weights.sources.source import Source, hub_address

_HALF = (0.5, 0.5, 0.5)
_GOOGLE = Preprocessing(_HALF, _HALF, crop=0.875)
_MIIL = Preprocessing((0.0, 0.0, 0.0), (1.0, 1.0, 1.0), crop=0.875, interpolation="bilinear")

_TABLE_3 = "MLP-Mixer paper, table 3"
_TIMM = "timm's table"
_NO_HEAD = "not published for a head of ImageNet-21k"
_SAM = "paper on SAM for ViTs and Mixers, as quoted by others"
_KECAM = "keras_cv_attention_models' table"
_NO_GSAM = "in the GSAM paper; the figure could not be confirmed"

_DATASETS = {1000: "ImageNet-1k", 21_843: "ImageNet-21k", 11_221: "ImageNet-21k-P"}


def _google(
    variant: str, name: str, folder: str, top1: float | None = None, top1_source: str = _NO_HEAD
) -> Source:
    """A file of Google's; the same file names stand in each of its folders."""
    size = variant.removeprefix("mixer_")
    file = f"Mixer-{size[0].upper()}_{size[1:]}.npz"
    classes = 21_843 if folder == "imagenet21k" else 1000
    return Source(
        variant=variant,
        name=name,
        url=f"https://storage.googleapis.com/mixer_models/{folder}/{file}",
        file=f"{folder}-{file}",
        dataset=_DATASETS[classes],
        classes=classes,
        licence="Apache-2.0",
        top1=top1,
        top1_source=top1_source,
        preprocessing=_GOOGLE,
        activation="gelu_tanh",
    )


def _timm(
    variant: str,
    name: str,
    converted: str,
    classes: int,
    preprocessing: Preprocessing,
    top1: float | None = None,
) -> Source:
    """A file of timm's, in a repository of its own."""
    return Source(
        variant=variant,
        name=name,
        url=hub_address(f"timm/{converted}"),
        file=f"{converted}.safetensors",
        dataset=_DATASETS[classes],
        classes=classes,
        licence="Apache-2.0",
        top1=top1,
        top1_source=_NO_HEAD if top1 is None else _TIMM,
        preprocessing=preprocessing,
    )


MLP_MIXER_SOURCES = (
    _google("mixer_b16", "imagenet", "imagenet1k", 76.44, _TABLE_3),
    _google("mixer_l16", "imagenet", "imagenet1k", 71.76, _TABLE_3),
    _google("mixer_b16", "imagenet21k", "imagenet21k"),
    _google("mixer_l16", "imagenet21k", "imagenet21k"),
    _google("mixer_b16", "imagenet-sam", "sam", 77.4, _SAM),
    _google("mixer_b32", "imagenet-sam", "sam", 72.47, _KECAM),
    _google("mixer_b16", "imagenet-gsam", "gsam", None, _NO_GSAM),
    _google("mixer_b32", "imagenet-gsam", "gsam", None, _NO_GSAM),
    _google("mixer_s16", "imagenet-gsam", "gsam", None, _NO_GSAM),
    _google("mixer_s32", "imagenet-gsam", "gsam", None, _NO_GSAM),
    _google("mixer_s8", "imagenet-gsam", "gsam", None, _NO_GSAM),
    # timm's names say fine-tuned from ImageNet-21k; Google trained both on ImageNet-1k alone.
    _timm("mixer_b16", "imagenet-timm", "mixer_b16_224.goog_in21k_ft_in1k", 1000, _GOOGLE, 76.616),
    _timm("mixer_l16", "imagenet-timm", "mixer_l16_224.goog_in21k_ft_in1k", 1000, _GOOGLE, 72.084),
    _timm("mixer_b16", "imagenet21k-timm", "mixer_b16_224.goog_in21k", 21_843, _GOOGLE),
    _timm("mixer_l16", "imagenet21k-timm", "mixer_l16_224.goog_in21k", 21_843, _GOOGLE),
    _timm("mixer_b16", "imagenet21k-miil", "mixer_b16_224.miil_in21k", 11_221, _MIIL),
    _timm("mixer_b16", "imagenet-miil", "mixer_b16_224.miil_in21k_ft_in1k", 1000, _MIIL, 82.314),
)
