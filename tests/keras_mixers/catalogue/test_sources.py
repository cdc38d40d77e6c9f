"""The table of released files against what their authors say of them."""

from collections import Counter
from dataclasses import replace

import pytest

import keras_mixers as km
from keras_mixers.catalogue.checksums import CHECKSUMS, Checksum
from keras_mixers.catalogue.preprocessing import IMAGENET_MEAN, IMAGENET_STD, Preprocessing
from keras_mixers.catalogue.source import Source
from keras_mixers.catalogue.sources import SOURCES, _with_checksums, find_source, sources_of
from keras_mixers.weights.read import _READERS

HALF = (0.5, 0.5, 0.5)
every_source = pytest.mark.parametrize(
    "source", SOURCES, ids=lambda source: f"{source.variant}-{source.name}"
)

AUGREG = ["imagenet", "imagenet-google", "imagenet-384", "imagenet-384-google"]
DEIT_B = ["imagenet", "imagenet-authors", "imagenet-384", "imagenet-384-authors"]
RES_MLP = ["imagenet", "imagenet-authors", "imagenet-distilled", "imagenet-distilled-authors"]
NAMES = {
    "convmixer_1536_20": ["imagenet", "imagenet-authors"],
    "convmixer_768_32": ["imagenet", "imagenet-authors"],
    "convmixer_1024_20_p14": ["imagenet", "imagenet-authors"],
    "mixer_b16": [
        *("imagenet", "imagenet21k", "imagenet-sam", "imagenet-gsam"),
        *("imagenet-timm", "imagenet21k-timm", "imagenet21k-miil", "imagenet-miil"),
    ],
    "mixer_l16": ["imagenet", "imagenet21k", "imagenet-timm", "imagenet21k-timm"],
    "mixer_b32": ["imagenet-sam", "imagenet-gsam"],
    "mixer_s16": ["imagenet-gsam"],
    "mixer_s32": ["imagenet-gsam"],
    "mixer_s8": ["imagenet-gsam"],
    "t2t_vit_7": ["imagenet"],
    "t2t_vit_10": ["imagenet"],
    "t2t_vit_12": ["imagenet"],
    "t2t_vit_14": ["imagenet", "imagenet-384", "cifar10", "cifar100"],
    "t2t_vit_19": ["imagenet", "cifar10", "cifar100"],
    "t2t_vit_24": ["imagenet", "imagenet-token-labeling"],
    "t2t_vit_t_14": ["imagenet"],
    "t2t_vit_t_19": ["imagenet"],
    "t2t_vit_t_24": ["imagenet"],
    **{f"vit_{size}": AUGREG for size in ("ti16", "s32", "s16", "b32", "b16", "l16")},
    "vit_l32": ["imagenet-384"],
    "deit_ti16": ["imagenet", "imagenet-authors"],
    "deit_s16": ["imagenet", "imagenet-authors"],
    "deit_b16": DEIT_B,
    "deit_ti16_distilled": ["imagenet", "imagenet-authors"],
    "deit_s16_distilled": ["imagenet", "imagenet-authors"],
    "deit_b16_distilled": DEIT_B,
    "resmlp_12": RES_MLP,
    "resmlp_24": RES_MLP,
    "resmlp_36": RES_MLP,
    "resmlp_b24": [*RES_MLP, "imagenet-22k", "imagenet-22k-authors"],
    "gmlp_s16": ["imagenet"],
}


def test_every_released_file_has_a_row() -> None:
    names = {
        variant: [source.name for source in sources_of(variant)] for variant in km.list_models()
    }
    assert {variant: found for variant, found in names.items() if found} == NAMES
    assert sum(map(len, NAMES.values())) == len(SOURCES) == 98
    hosts = Counter(source.url.split("/")[2] for source in SOURCES)
    assert hosts == {
        "huggingface.co": 9 + 13 + 8 + 9 + 1,
        "storage.googleapis.com": 11 + 12,
        "github.com": 18,
        "dl.fbaipublicfiles.com": 8 + 9,
    }


def test_rows_are_told_apart() -> None:
    for key in (
        lambda source: (source.variant, source.name),
        lambda source: source.url,
        # Files of all variants lie in one cache, and some file systems see no difference of case.
        lambda source: source.file.lower(),
    ):
        assert len({key(source) for source in SOURCES}) == len(SOURCES)


@every_source
def test_addresses_and_files(source: Source) -> None:
    assert source.url.startswith("https://")
    assert not set(source.file) & set('/\\:?*"<>| ')
    container = next(ending for ending in _READERS if source.file.endswith(ending))
    assert source.url.endswith(container)
    assert find_source(source.variant, source.name) is source


@every_source
def test_what_rows_say_fits_together(source: Source) -> None:
    datasets = {
        "imagenet": ("ImageNet-1k", 1000),
        "imagenet21k": ("ImageNet-21k", 21_843),
        "imagenet21k-miil": ("ImageNet-21k-P", 11_221),
        "cifar10": ("CIFAR-10", 10),
        "cifar100": ("CIFAR-100", 100),
    }
    name = source.name if source.name in datasets else source.name.split("-")[0]
    assert (source.dataset, source.classes) == datasets[name]
    assert source.image_size == (384 if "384" in source.name else 224)
    assert source.top1 is None or 70 < source.top1 < 99
    assert (source.top1 is None) == ("not" in source.top1_source)


@every_source
def test_licences(source: Source) -> None:
    licences = {"ConvMixer": "MIT", "T2TViT": "BSD-3-Clause-Clear"}
    family = km.model_info(source.variant).family
    assert source.licence == licences.get(family, "Apache-2.0")


@every_source
def test_preprocessing_belongs_to_the_weights(source: Source) -> None:
    family = km.model_info(source.variant).family
    if source.name.startswith("cifar"):
        mean, std = (0.4914, 0.4822, 0.4465), (0.2023, 0.1994, 0.2010)
        expected = Preprocessing(mean, std, 1.0, "bilinear")
    elif family == "ConvMixer":
        expected = Preprocessing(IMAGENET_MEAN, IMAGENET_STD, 0.96, "bicubic")
    elif family == "T2TViT":
        expected = Preprocessing(IMAGENET_MEAN, IMAGENET_STD, 0.9, "bicubic")
    elif family == "ResMLP":
        crop = 0.9 if source.name.endswith("authors") else 0.875
        expected = Preprocessing(IMAGENET_MEAN, IMAGENET_STD, crop, "bicubic")
    elif family == "ViT":
        crop = 1.0 if source.image_size == 384 else 0.9
        is_deit = source.variant.startswith("deit")
        mean, std = (IMAGENET_MEAN, IMAGENET_STD) if is_deit else (HALF, HALF)
        expected = Preprocessing(mean, std, crop, "bicubic")
    elif source.name.endswith("miil"):
        expected = Preprocessing((0.0, 0.0, 0.0), (1.0, 1.0, 1.0), 0.875, "bilinear")
    else:
        expected = Preprocessing(HALF, HALF, 0.875, "bicubic")
    assert source.preprocessing == expected
    others = source.name.startswith("cifar") or source.name.endswith("miil")
    if family == "ViT":
        others = source.image_size == 384
    elif family == "ResMLP":
        others = not source.name.endswith("authors")
    assert (source.preprocessing == km.model_info(source.variant).preprocessing) != others


@every_source
def test_googles_own_files_are_of_tanh_gelu(source: Source) -> None:
    assert source.activation == ("gelu_tanh" if "googleapis" in source.url else None)


def test_the_relu_weights_are_of_the_relu_variant() -> None:
    relu = [source.variant for source in SOURCES if "relu" in source.file]
    assert relu == ["convmixer_768_32"]
    assert km.model_info("convmixer_768_32").arguments["activation"] == "relu"


def test_googles_file_names_are_of_the_variant() -> None:
    files = {s.file: s.variant for s in SOURCES if "mixer_models" in s.url}
    assert files == {
        "imagenet1k-Mixer-B_16.npz": "mixer_b16",
        "imagenet1k-Mixer-L_16.npz": "mixer_l16",
        "imagenet21k-Mixer-B_16.npz": "mixer_b16",
        "imagenet21k-Mixer-L_16.npz": "mixer_l16",
        "sam-Mixer-B_16.npz": "mixer_b16",
        "sam-Mixer-B_32.npz": "mixer_b32",
        "gsam-Mixer-B_16.npz": "mixer_b16",
        "gsam-Mixer-B_32.npz": "mixer_b32",
        "gsam-Mixer-S_16.npz": "mixer_s16",
        "gsam-Mixer-S_32.npz": "mixer_s32",
        "gsam-Mixer-S_8.npz": "mixer_s8",
    }


def test_names_of_vit_files_are_of_the_variant() -> None:
    """Google's name size, patch and resolution, as `S_16-...-res_384.npz`; so do the others."""
    for source in SOURCES:
        if source.variant.startswith(("vit_", "deit_")):
            model, size, *distilled = source.variant.split("_")
            letters, patch = size.rstrip("0123456789"), size.lstrip("abistl")
            name = {"ti": "tiny", "s": "small", "b": "base", "l": "large"}[letters]
            if "vit_models" in source.url:
                assert source.file.startswith(f"{letters.title()}_{patch}-i21k")
                assert source.file.endswith(f"res_{source.image_size}.npz")
            else:
                middle = "_distilled" if distilled else ""
                stem = f"{model}_{name}{middle}_patch{patch}_{source.image_size}"
                assert source.file.startswith(stem)


def test_the_misnamed_files_of_timm_are_of_imagenet_1k() -> None:
    """They are Google's from scratch; no Mixer of Google's was fine-tuned from ImageNet-21k."""
    for variant, top1 in (("mixer_b16", 76.616), ("mixer_l16", 72.084)):
        source = find_source(variant, "imagenet-timm")
        assert source.url.endswith("_224.goog_in21k_ft_in1k/resolve/main/model.safetensors")
        assert (source.dataset, source.top1) == ("ImageNet-1k", top1)
        assert source.top1 == pytest.approx(find_source(variant, "imagenet").top1, abs=0.4)


def test_accuracies_are_the_variants() -> None:
    """What a variant cites of its ImageNet-1k training is what its authors' file reaches."""
    for source in SOURCES:
        if source.name != "imagenet":
            continue
        authors = source
        if source.variant.startswith(("convmixer", "deit")):
            authors = find_source(source.variant, "imagenet-authors")
        if source.variant.startswith("gmlp"):  # The authors released no file.
            authors = replace(source, top1=79.6)
        assert authors.top1 == km.model_info(source.variant).top1
        # timm measured the files again, with its own evaluation: DeiT-B differs by 0.18.
        assert source.top1 == pytest.approx(authors.top1, abs=0.2)


@pytest.mark.parametrize("source", [s for s in SOURCES if s.variant.startswith("t2t")], ids=str)
def test_t2t_vit_files_are_named_after_depth_and_accuracy(source: Source) -> None:
    assert f"{source.top1}" in source.file
    # "t" marks the token transformer.
    size = source.variant.removeprefix("t2t_vit_")
    stem = source.file.lower().replace("-", "_")
    assert f"t2t_vit{'' if size.startswith('t_') else '_'}{size}" in stem


def test_unknown_names_offer_the_known() -> None:
    with pytest.raises(ValueError, match="no weights 'imagenet' of 'mixer_b32'") as error:
        find_source("mixer_b32", "imagenet")
    assert str(error.value).endswith("choose from imagenet-sam, imagenet-gsam.")
    with pytest.raises(ValueError, match="No weights of 'mixer_h14' were released") as error:
        find_source("mixer_h14", "imagenet")
    assert str(error.value).endswith(f"there are weights of {', '.join(sorted(NAMES))}.")
    assert sources_of("mixer_h14") == ()


def test_checksums_join_the_rows() -> None:
    row, other = SOURCES[:2]
    checksum = Checksum(7, "0" * 64)
    assert _with_checksums([row, other], {row.file: checksum}) == (
        replace(row, size=7, sha256="0" * 64),
        other,
    )
    with pytest.raises(ValueError, match=r"rows for files that are not released: .'none.npz'"):
        _with_checksums([row], {"none.npz": checksum})


def test_checksums_are_sizes_and_hexadecimal_digits() -> None:
    for file, checksum in {**CHECKSUMS, "example": Checksum(7, "0f" * 32)}.items():
        assert checksum.size > 0, file
        assert len(checksum.sha256) == 64, file
        assert not set(checksum.sha256) - set("0123456789abcdef"), file


@pytest.mark.parity
@pytest.mark.parametrize(
    "source", [s for s in SOURCES if "huggingface" in s.url], ids=lambda s: s.file
)
def test_timm_says_the_same(source: Source) -> None:
    from tests.helpers.timm_reference import import_timm

    config = import_timm().models.get_pretrained_cfg(source.file.removesuffix(".safetensors"))
    assert f"huggingface.co/{config.hf_hub_id}" in source.url
    assert config.num_classes == source.classes
    assert config.input_size == (3, source.image_size, source.image_size)
    assert source.preprocessing == Preprocessing(
        config.mean, config.std, config.crop_pct, config.interpolation
    )
