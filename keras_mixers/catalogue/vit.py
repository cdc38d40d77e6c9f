"""ViT in the sizes that Google released, DeiT, and the released files of both."""

from dataclasses import replace

from keras_mixers.catalogue.preprocessing import IMAGENET_MEAN, IMAGENET_STD, Preprocessing
from keras_mixers.catalogue.source import Source, hub_address
from keras_mixers.catalogue.variant import Variant

_HALF = (0.5, 0.5, 0.5)
PREPROCESSING = Preprocessing(_HALF, _HALF, crop=0.9)
_LARGER = Preprocessing(_HALF, _HALF, crop=1.0)
_DEIT = Preprocessing(IMAGENET_MEAN, IMAGENET_STD, crop=0.9)
_DEIT_LARGER = Preprocessing(IMAGENET_MEAN, IMAGENET_STD, crop=1.0)

_TIMM = "timm's table"
_TIMM_21K = "timm's table, trained on ImageNet-21k and fine-tuned on ImageNet-1k"
_TIMM_21K_384 = f"{_TIMM_21K} at 384 pixels"
_DEIT_README = "DeiT authors' README, trained on ImageNet-1k"
_VIT_PAPER, _DEIT_PAPER = "https://arxiv.org/abs/2010.11929", "https://arxiv.org/abs/2012.12877"

# hidden_dim, depth, num_heads.
_SIZES = {"ti": (192, 12, 3), "s": (384, 12, 6), "b": (768, 12, 12), "l": (1024, 24, 16)}


def _vit(
    name: str, parameters: int, multiply_adds: float, top1: float, top1_source: str = _TIMM_21K
) -> Variant:
    """A row of the table; the name says the size and the side of a patch."""
    model, size = name.split("_")[:2]
    hidden_dim, depth, num_heads = _SIZES[size.rstrip("1236")]
    is_deit = model == "deit"
    return Variant(
        name=name,
        family="ViT",
        arguments={
            "hidden_dim": hidden_dim,
            "depth": depth,
            "num_heads": num_heads,
            "patch_size": int(size.lstrip("tisbl")),
            "mlp_ratio": 4.0,
            "class_token": True,
            "distilled": name.endswith("_distilled"),
        },
        parameters=parameters,
        fixed_parameters=0,
        multiply_adds=multiply_adds,
        top1=top1,
        top1_source=top1_source,
        preprocessing=_DEIT if is_deit else PREPROCESSING,
        paper=_DEIT_PAPER if is_deit else _VIT_PAPER,
    )


VIT_VARIANTS = (
    _vit("vit_ti16", 5_717_416, 1.2537, 75.452),
    _vit("vit_s32", 22_878_952, 1.1429, 76.010),
    _vit("vit_s16", 22_050_664, 4.5989, 81.402),
    _vit("vit_b32", 88_224_232, 4.4092, 80.732),
    _vit("vit_b16", 86_567_656, 17.5638, 84.534),
    _vit("vit_l32", 306_535_400, 15.3775, 81.508, _TIMM_21K_384),
    _vit("vit_l16", 304_326_632, 61.5547, 85.856),
    _vit("deit_ti16", 5_717_416, 1.2537, 72.2, _DEIT_README),
    _vit("deit_s16", 22_050_664, 4.5989, 79.9, _DEIT_README),
    _vit("deit_b16", 86_567_656, 17.5638, 81.8, _DEIT_README),
    _vit("deit_ti16_distilled", 5_910_800, 1.2610, 74.5, _DEIT_README),
    _vit("deit_s16_distilled", 22_436_432, 4.6241, 81.2, _DEIT_README),
    _vit("deit_b16_distilled", 87_338_192, 17.6568, 83.4, _DEIT_README),
)

# The released files. Google's networks were trained with the tanh form of GELU. timm runs the same
# weights with the exact form, which its accuracies are of: its files keep the variant's.

# How each size was trained in Google's release: the augmentation and regularisation that did best.
_RECIPES = {
    ("ti16", 224): ("Ti_16-i21k-300ep-lr_0.001-aug_none-wd_0.03-do_0.0-sd_0.0", "0.03"),
    ("ti16", 384): ("Ti_16-i21k-300ep-lr_0.001-aug_none-wd_0.03-do_0.0-sd_0.0", "0.03"),
    ("s32", 224): ("S_32-i21k-300ep-lr_0.001-aug_light1-wd_0.03-do_0.0-sd_0.0", "0.03"),
    ("s32", 384): ("S_32-i21k-300ep-lr_0.001-aug_light1-wd_0.03-do_0.0-sd_0.0", "0.03"),
    ("s16", 224): ("S_16-i21k-300ep-lr_0.001-aug_light1-wd_0.03-do_0.0-sd_0.0", "0.03"),
    ("s16", 384): ("S_16-i21k-300ep-lr_0.001-aug_light1-wd_0.03-do_0.0-sd_0.0", "0.03"),
    ("b32", 224): ("B_32-i21k-300ep-lr_0.001-aug_medium1-wd_0.03-do_0.0-sd_0.0", "0.03"),
    ("b32", 384): ("B_32-i21k-300ep-lr_0.001-aug_light1-wd_0.1-do_0.0-sd_0.0", "0.03"),
    ("b16", 224): ("B_16-i21k-300ep-lr_0.001-aug_medium1-wd_0.1-do_0.0-sd_0.0", "0.01"),
    ("b16", 384): ("B_16-i21k-300ep-lr_0.001-aug_medium1-wd_0.1-do_0.0-sd_0.0", "0.01"),
    ("l16", 224): ("L_16-i21k-300ep-lr_0.001-aug_medium1-wd_0.1-do_0.1-sd_0.1", "0.01"),
    ("l16", 384): ("L_16-i21k-300ep-lr_0.001-aug_medium1-wd_0.1-do_0.1-sd_0.1", "0.01"),
}
_TIMM_SIZES = {"ti": "tiny", "s": "small", "b": "base", "l": "large"}
_UNPUBLISHED = "not published for Google's form of GELU; timm's row has the exact form's"


def _timm_name(size: str, image_size: int) -> str:
    return f"{_TIMM_SIZES[size.rstrip('1236')]}_patch{size.lstrip('tisbl')}_{image_size}"


def _converted(
    variant: str, repository: str, top1: float, preprocessing: Preprocessing, image_size: int
) -> Source:
    """timm's container, which is read without torch."""
    return Source(
        variant=variant,
        name="imagenet" if image_size == 224 else f"imagenet-{image_size}",
        url=hub_address(f"timm/{repository}"),
        file=f"{repository}.safetensors",
        dataset="ImageNet-1k",
        classes=1000,
        licence="Apache-2.0",
        top1=top1,
        top1_source=_TIMM,
        preprocessing=preprocessing,
        image_size=image_size,
    )


def _augreg(size: str, image_size: int, top1: float) -> tuple[Source, Source]:
    """timm's container and Google's own, of the same weights."""
    repository = f"vit_{_timm_name(size, image_size)}.augreg_in21k_ft_in1k"
    preprocessing = PREPROCESSING if image_size == 224 else _LARGER
    converted = _converted(f"vit_{size}", repository, top1, preprocessing, image_size)
    trained, rate = _RECIPES[size, image_size]
    file = f"{trained}--imagenet2012-steps_20k-lr_{rate}-res_{image_size}.npz"
    original = replace(
        converted,
        name=f"{converted.name}-google",
        url=f"https://storage.googleapis.com/vit_models/augreg/{file}",
        file=file,
        top1=None,
        top1_source=_UNPUBLISHED,
        activation="gelu_tanh",
    )
    return converted, original


def _deit(
    variant: str, authors: tuple[str, float], timm_top1: float, image_size: int = 224
) -> tuple[Source, Source]:
    """timm's container and the authors'; `authors` is the hash in their file's name, and top-1."""
    distilled = "_distilled" if variant.endswith("_distilled") else ""
    size = variant.split("_")[1]
    stem = "deit_" + _timm_name(size, image_size).replace("_patch", f"{distilled}_patch")
    preprocessing = _DEIT if image_size == 224 else _DEIT_LARGER
    converted = _converted(variant, f"{stem}.fb_in1k", timm_top1, preprocessing, image_size)
    digest, top1 = authors
    original = replace(
        converted,
        name=f"{converted.name}-authors",
        url=f"https://dl.fbaipublicfiles.com/deit/{stem}-{digest}.pth",
        file=f"{stem}-{digest}.pth",
        top1=top1,
        top1_source="DeiT authors' README",
    )
    return converted, original


VIT_SOURCES = (
    *_augreg("ti16", 224, 75.452),
    *_augreg("ti16", 384, 78.438),
    *_augreg("s32", 224, 76.010),
    *_augreg("s32", 384, 80.476),
    *_augreg("s16", 224, 81.402),
    *_augreg("s16", 384, 83.814),
    *_augreg("b32", 224, 80.732),
    *_augreg("b32", 384, 83.358),
    *_augreg("b16", 224, 84.534),
    *_augreg("b16", 384, 86.010),
    # ViT-L/32 was fine-tuned at 384 pixels alone, before augreg.
    _converted("vit_l32", "vit_large_patch32_384.orig_in21k_ft_in1k", 81.508, _LARGER, 384),
    *_augreg("l16", 224, 85.856),
    *_augreg("l16", 384, 87.096),
    *_deit("deit_ti16", ("a1311bcf", 72.2), 72.190),
    *_deit("deit_s16", ("cd65a155", 79.9), 79.856),
    *_deit("deit_b16", ("b5f2ef4d", 81.8), 81.980),
    *_deit("deit_b16", ("8de9b5d1", 82.9), 83.108, image_size=384),
    *_deit("deit_ti16_distilled", ("b40b3cf7", 74.5), 74.538),
    *_deit("deit_s16_distilled", ("649709d9", 81.2), 81.204),
    *_deit("deit_b16_distilled", ("df68dfff", 83.4), 83.384),
    *_deit("deit_b16_distilled", ("d0272ac0", 85.2), 85.438, image_size=384),
)
