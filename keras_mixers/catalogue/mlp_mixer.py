"""The MLP-Mixers of the paper, the S/8 released later, and the released files."""

from keras_mixers.catalogue.preprocessing import Preprocessing
from keras_mixers.catalogue.source import Source, hub_address
from keras_mixers.catalogue.variant import Variant

PREPROCESSING = Preprocessing((0.5, 0.5, 0.5), (0.5, 0.5, 0.5), crop=0.875)

_TABLE_3 = "MLP-Mixer paper, table 3, trained on {}"
_JFT = _TABLE_3.format("JFT-300M and fine-tuned on ImageNet-1k")


def _mixer(
    name: str,
    size: tuple[int, int, int],
    parameters: int,
    multiply_adds: float,
    top1: float | None,
    top1_source: str,
) -> Variant:
    """Make a variant; `size` is (hidden_dim, depth, patch_size)."""
    hidden_dim, depth, patch_size = size
    return Variant(
        name=name,
        family="MLPMixer",
        arguments={
            "hidden_dim": hidden_dim,
            "depth": depth,
            "patch_size": patch_size,
            "tokens_mlp_dim": hidden_dim // 2,
            "channels_mlp_dim": 4 * hidden_dim,
        },
        parameters=parameters,
        fixed_parameters=0,
        multiply_adds=multiply_adds,
        top1=top1,
        top1_source=top1_source,
        preprocessing=PREPROCESSING,
        paper="https://arxiv.org/abs/2105.01601",
    )


MLP_MIXER_VARIANTS = (
    _mixer("mixer_s32", (512, 8, 32), 19_104_624, 1.0024, 68.70, _JFT),
    _mixer("mixer_s16", (512, 8, 16), 18_528_264, 3.7770, 73.83, _JFT),
    _mixer("mixer_s8", (512, 8, 8), 20_646_504, 14.8751, None, "not published with the weights"),
    _mixer("mixer_b32", (768, 12, 32), 60_293_428, 3.2377, 75.53, _JFT),
    _mixer("mixer_b16", (768, 12, 16), 59_880_472, 12.6018, 76.44, _TABLE_3.format("ImageNet-1k")),
    _mixer("mixer_l32", (1024, 24, 32), 206_939_264, 11.2533, 80.67, _JFT),
    _mixer(
        "mixer_l16", (1024, 24, 16), 208_196_168, 44.5477, 71.76, _TABLE_3.format("ImageNet-1k")
    ),
    _mixer("mixer_h14", (1280, 32, 14), 432_350_952, 120.9899, 86.32, _JFT),
)


# The released files: Google's own, and timm's. Google trained with the tanh form of GELU. timm runs
# the same weights with the exact form, and measured its accuracies with it: the sources of its
# files keep the variant's activation.

_MIIL = Preprocessing((0.0, 0.0, 0.0), (1.0, 1.0, 1.0), crop=0.875, interpolation="bilinear")

_PAPER = "MLP-Mixer paper, table 3"
_TIMM = "timm's table"
_NO_HEAD = "not published for a head of ImageNet-21k"
_SAM = "paper on SAM for ViTs and Mixers, as quoted by others"
_KECAM = "keras_cv_attention_models' table"
_NO_GSAM = "in the GSAM paper; the figure could not be confirmed"

_DATASETS = {1000: "ImageNet-1k", 21_843: "ImageNet-21k", 11_221: "ImageNet-21k-P"}


def _google(
    variant: str, name: str, folder: str, top1: float | None = None, top1_source: str = _NO_HEAD
) -> Source:
    """Make the source of a file of Google's, whose folders use the same file names."""
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
        preprocessing=PREPROCESSING,
        activation="gelu_tanh",
    )


def _timm(
    variant: str,
    name: str,
    converted: str,
    classes: int,
    top1: float | None = None,
    preprocessing: Preprocessing = PREPROCESSING,
) -> Source:
    """Make the source of a file of timm's, each of which has its own repository."""
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
    _google("mixer_b16", "imagenet", "imagenet1k", 76.44, _PAPER),
    _google("mixer_l16", "imagenet", "imagenet1k", 71.76, _PAPER),
    _google("mixer_b16", "imagenet21k", "imagenet21k"),
    _google("mixer_l16", "imagenet21k", "imagenet21k"),
    _google("mixer_b16", "imagenet-sam", "sam", 77.4, _SAM),
    _google("mixer_b32", "imagenet-sam", "sam", 72.47, _KECAM),
    _google("mixer_b16", "imagenet-gsam", "gsam", None, _NO_GSAM),
    _google("mixer_b32", "imagenet-gsam", "gsam", None, _NO_GSAM),
    _google("mixer_s16", "imagenet-gsam", "gsam", None, _NO_GSAM),
    _google("mixer_s32", "imagenet-gsam", "gsam", None, _NO_GSAM),
    _google("mixer_s8", "imagenet-gsam", "gsam", None, _NO_GSAM),
    # timm's names say "fine-tuned from ImageNet-21k", but Google trained both only on ImageNet-1k.
    _timm("mixer_b16", "imagenet-timm", "mixer_b16_224.goog_in21k_ft_in1k", 1000, 76.616),
    _timm("mixer_l16", "imagenet-timm", "mixer_l16_224.goog_in21k_ft_in1k", 1000, 72.084),
    _timm("mixer_b16", "imagenet21k-timm", "mixer_b16_224.goog_in21k", 21_843),
    _timm("mixer_l16", "imagenet21k-timm", "mixer_l16_224.goog_in21k", 21_843),
    _timm("mixer_b16", "imagenet21k-miil", "mixer_b16_224.miil_in21k", 11_221, None, _MIIL),
    _timm("mixer_b16", "imagenet-miil", "mixer_b16_224.miil_in21k_ft_in1k", 1000, 82.314, _MIIL),
)
