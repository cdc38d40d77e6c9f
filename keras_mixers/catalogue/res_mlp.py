"""The ResMLPs of the paper, and the released files."""

from dataclasses import replace

from keras_mixers.catalogue.preprocessing import IMAGENET_MEAN, IMAGENET_STD, Preprocessing
from keras_mixers.catalogue.source import Source, hub_address
from keras_mixers.catalogue.variant import Variant

# The authors' own evaluation; timm's table was measured with a crop of 0.875.
PREPROCESSING = Preprocessing(IMAGENET_MEAN, IMAGENET_STD, crop=0.9)
_TIMM_PREPROCESSING = replace(PREPROCESSING, crop=0.875)

_TIMM = "timm's table of the authors' weights"
_TIMM_1K = f"{_TIMM}, trained on ImageNet-1k without distillation"
_README = "ResMLP authors' README"
_UNPUBLISHED = "not in the ResMLP authors' README; timm's row has its own measurement"


def _res_mlp(
    name: str,
    size: tuple[int, int, int, float],
    parameters: int,
    multiply_adds: float,
    top1: float,
) -> Variant:
    """A row of the table; `size` is hidden_dim, depth, patch size, initial scale."""
    hidden_dim, depth, patch_size, initial_scale = size
    return Variant(
        name=name,
        family="ResMLP",
        arguments={
            "hidden_dim": hidden_dim,
            "depth": depth,
            "patch_size": patch_size,
            "initial_scale": initial_scale,
        },
        parameters=parameters,
        fixed_parameters=0,
        multiply_adds=multiply_adds,
        top1=top1,
        top1_source=_TIMM_1K,
        preprocessing=PREPROCESSING,
        paper="https://arxiv.org/abs/2105.03404",
    )


RES_MLP_VARIANTS = (
    _res_mlp("resmlp_12", (384, 12, 16, 0.1), 15_350_872, 3.0097, 76.660),
    _res_mlp("resmlp_24", (384, 24, 16, 1e-5), 30_020_680, 5.9613, 79.380),
    _res_mlp("resmlp_36", (384, 36, 16, 1e-6), 44_690_488, 8.9128, 79.772),
    _res_mlp("resmlp_b24", (768, 24, 8, 1e-6), 129_138_280, 100.2307, 81.034),
)


def _both(
    variant: str,
    training: str,
    file: str,
    timm: tuple[str, float],
    top1: float | None = None,
) -> tuple[Source, Source]:
    """timm's container, which is read without torch, and the authors', of the same weights.

    `training` is "" (ImageNet-1k), "-distilled" or "-22k"; `timm` is repository and accuracy.
    """
    repository, timm_top1 = timm
    converted = Source(
        variant=variant,
        name=f"imagenet{training}",
        url=hub_address(f"timm/{repository}"),
        file=f"{repository}.safetensors",
        dataset="ImageNet-1k",
        classes=1000,
        licence="Apache-2.0",
        top1=timm_top1,
        top1_source=_TIMM,
        preprocessing=_TIMM_PREPROCESSING,
    )
    original = replace(
        converted,
        name=f"imagenet{training}-authors",
        url=f"https://dl.fbaipublicfiles.com/deit/{file}",
        file=file,
        top1=top1,
        top1_source=_UNPUBLISHED if top1 is None else _README,
        preprocessing=PREPROCESSING,
    )
    return converted, original


def _of_size(variant: str, file: str, repository: str, top1: tuple[float, ...]) -> tuple:
    """The files of one size; `top1` is timm's without and with distillation, and the README's."""
    plain, distilled, published = top1
    return (
        *_both(variant, "", f"{file}_no_dist.pth", (f"{repository}.fb_in1k", plain)),
        *_both(
            variant,
            "-distilled",
            f"{file}_dist.pth",
            (f"{repository}.fb_distilled_in1k", distilled),
            published,
        ),
    )


RES_MLP_SOURCES = (
    *_of_size("resmlp_12", "resmlp_12", "resmlp_12_224", (76.660, 77.948, 77.8)),
    *_of_size("resmlp_24", "resmlp_24", "resmlp_24_224", (79.380, 80.766, 80.8)),
    *_of_size("resmlp_36", "resmlp_36", "resmlp_36_224", (79.772, 81.150, 81.1)),
    *_of_size("resmlp_b24", "resmlpB_24", "resmlp_big_24_224", (81.034, 83.594, 83.6)),
    *_both(
        "resmlp_b24",
        "-22k",
        "resmlpB_24_22k.pth",
        ("resmlp_big_24_224.fb_in22k_ft_in1k", 84.414),
        84.4,
    ),
)
