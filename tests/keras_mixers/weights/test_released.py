"""`weights="imagenet"` from a folder: preprocessing, activation, heads, channels, resolutions."""

import logging
from dataclasses import replace
from functools import partial
from pathlib import Path

import keras
import numpy as np
import pytest
import torch
from safetensors.numpy import save_file

import keras_mixers as km
from keras_mixers import catalogue
from keras_mixers.catalogue.source import Source
from keras_mixers.catalogue.sources import SOURCES
from keras_mixers.weights import by_name
from keras_mixers.weights.resize import interpolate_positions
from tests.helpers.rounding import LAYER_NORM, assert_close, roundings_in
from tests.keras_mixers.weights.golden import DATA, build, reference


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A local folder in place of the network.

    Two Mixers keep their names, patches and files, but have few channels: files of hundreds of
    megabytes would prove no more.
    """
    monkeypatch.setenv("KERAS_MIXERS_WEIGHTS_URL", str(tmp_path))
    narrow = {"hidden_dim": 16, "depth": 2, "tokens_mlp_dim": 8, "channels_mlp_dim": 24}
    for name in ("mixer_s32", "mixer_b16"):
        info = km.model_info(name)
        small = replace(info, arguments={**info.arguments, **narrow})
        monkeypatch.setitem(catalogue._VARIANTS, name, small)
    return tmp_path


def _write_mixer(path: Path, variant: str, classes: int, seed: int = 0) -> dict[str, np.ndarray]:
    """Write a file of Google's names and the variant's shapes, of random numbers."""
    info = km.model_info(variant).arguments
    c, p = info["hidden_dim"], info["patch_size"]
    s, d, w = (224 // p) ** 2, info["tokens_mlp_dim"], info["channels_mlp_dim"]
    rng = np.random.default_rng(seed)
    shapes = {"stem/kernel": (p, p, 3, c), "stem/bias": (c,)}
    for i in range(info["depth"]):
        block = f"MixerBlock_{i}"
        for norm in ("LayerNorm_0", "LayerNorm_1"):
            shapes |= {f"{block}/{norm}/scale": (c,), f"{block}/{norm}/bias": (c,)}
        for part, (n, m) in {"token_mixing": (s, d), "channel_mixing": (c, w)}.items():
            shapes |= {
                f"{block}/{part}/Dense_0/kernel": (n, m),
                f"{block}/{part}/Dense_0/bias": (m,),
                f"{block}/{part}/Dense_1/kernel": (m, n),
                f"{block}/{part}/Dense_1/bias": (n,),
            }
    shapes |= {"pre_head_layer_norm/scale": (c,), "pre_head_layer_norm/bias": (c,)}
    shapes |= {"head/kernel": (c, classes), "head/bias": (classes,)}
    arrays = {name: 0.02 * rng.standard_normal(shape, "float32") for name, shape in shapes.items()}
    np.savez(path, **arrays)
    return arrays


@pytest.fixture
def mixer_s32(folder: Path) -> dict[str, np.ndarray]:
    return _write_mixer(folder / "gsam-Mixer-S_32.npz", "mixer_s32", 1000)


def test_named_weights_bring_their_preprocessing_and_activation(
    mixer_s32: dict[str, np.ndarray],
) -> None:
    model = km.create_model("mixer_s32", weights="imagenet-gsam")
    np.testing.assert_array_equal(model.get_layer("head").kernel, mixer_s32["head/kernel"])
    assert model.get_layer("block_0").get_config()["activation"] == "gelu_tanh"
    assert model.get_layer("preprocessing").get_config()["offset"] == [-1.0] * 3
    arguments = km.model_info("mixer_s32").arguments
    same = km.MLPMixer(**arguments, activation="gelu_tanh", weights="imagenet-gsam")
    np.testing.assert_array_equal(same.get_weights()[0], model.get_weights()[0])


def test_preprocessing_belongs_to_the_weights(folder: Path) -> None:
    """MIIL trained the Mixer on pixels in [0, 1]; Google did on [-1, 1]."""
    source = next(source for source in SOURCES if source.name == "imagenet-miil")
    save_file(_timm_mixer_b16(), folder / source.file)
    model = km.create_model("mixer_b16", weights="imagenet-miil")
    config = model.get_layer("preprocessing").get_config()
    assert config["offset"] == [0.0] * 3
    assert config["scale"] == [1 / 255] * 3
    assert model.get_layer("block_0").get_config()["activation"] == "gelu"


def _timm_mixer_b16() -> dict[str, np.ndarray]:
    info = km.model_info("mixer_b16").arguments
    c, s, p = info["hidden_dim"], (224 // info["patch_size"]) ** 2, info["patch_size"]
    arrays = {"stem.proj.weight": (c, 3, p, p), "stem.proj.bias": (c,)}
    for i in range(info["depth"]):
        for part, n, m in (
            ("mlp_tokens", s, info["tokens_mlp_dim"]),
            ("mlp_channels", c, info["channels_mlp_dim"]),
        ):
            arrays |= {f"blocks.{i}.{part}.fc1.weight": (m, n), f"blocks.{i}.{part}.fc1.bias": (m,)}
            arrays |= {f"blocks.{i}.{part}.fc2.weight": (n, m), f"blocks.{i}.{part}.fc2.bias": (n,)}
        for norm in ("norm1", "norm2"):
            arrays |= {f"blocks.{i}.{norm}.weight": (c,), f"blocks.{i}.{norm}.bias": (c,)}
    arrays |= {"norm.weight": (c,), "norm.bias": (c,)}
    arrays |= {"head.weight": (1000, c), "head.bias": (1000,)}
    return {name: np.zeros(shape, "float32") for name, shape in arrays.items()}


def test_other_classes_start_the_head_anew(
    mixer_s32: dict[str, np.ndarray], caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING, "keras_mixers"):
        model = km.create_model("mixer_s32", weights="imagenet-gsam", classes=37)
    assert caplog.messages == [
        "mixer_s32: the head for 37 classes keeps its initial weights; the others are from "
        "'imagenet-gsam' (1000 classes)."
    ]
    np.testing.assert_array_equal(model.get_layer("head").kernel, np.zeros((16, 37)))
    np.testing.assert_array_equal(
        model.get_layer("norm").gamma, mixer_s32["pre_head_layer_norm/scale"]
    )


def test_classes_default_to_those_of_the_weights(folder: Path) -> None:
    _write_mixer(folder / "imagenet21k-Mixer-B_16.npz", "mixer_b16", 21_843)
    assert km.create_model("mixer_b16", weights="imagenet21k").output_shape == (None, 21_843)
    body = km.create_model("mixer_b16", weights="imagenet21k", include_top=False)
    assert body.output_shape == (None, 196, 16)


@pytest.mark.parametrize("channels", [1, 2, 5])
def test_other_channels_sum_or_repeat_the_stem(channels: int) -> None:
    for checkpoint in ("convmixer_gelu_timm.safetensors", "mixer_google.npz"):
        size = reference(checkpoint).config["image_size"]
        whole = build(checkpoint, weights=DATA / checkpoint)
        model = build(checkpoint, weights=DATA / checkpoint, input_shape=(size, size, channels))
        old, new = (m.get_layer("patch_embed").conv.kernel.numpy() for m in (whole, model))
        if channels == 1:
            assert_close(new[:, :, 0], old.sum(axis=2), 3)
        else:
            for channel in range(channels):
                np.testing.assert_array_equal(
                    new[:, :, channel], old[:, :, channel % 3] * np.float32(3 / channels)
                )


@pytest.mark.parametrize(("down", "across"), [(2, 2), (3, 3), (1, 2), (3, 2)])
def test_mixer_at_multiples_treats_each_part_as_before(down: int, across: int) -> None:
    """Without the last average, a larger image gives side by side what its parts give."""
    checkpoint = "mixer_google.npz"
    keras.config.set_dtype_policy("float64")
    small = build(checkpoint, weights=DATA / checkpoint, include_top=False)
    large = build(
        checkpoint,
        weights=DATA / checkpoint,
        include_top=False,
        input_shape=(32 * down, 32 * across, 3),
        tokens_mlp_dim=10 * down * across,
    )
    image = np.random.default_rng(0).standard_normal((1, 32 * down, 32 * across, 3), "float32")
    parts = image.reshape(down, 32, across, 32, 3).transpose(0, 2, 1, 3, 4).reshape(-1, 32, 32, 3)
    expected = np.asarray(small(parts)).reshape(down, across, 4, 4, -1)
    output = np.asarray(large(image)).reshape(down, 4, across, 4, -1).transpose(0, 2, 1, 3, 4)
    assert_close(output, expected, roundings_in(large.weights), LAYER_NORM)


def test_create_model_widens_the_token_mlps(mixer_s32: dict[str, np.ndarray]) -> None:
    model = km.create_model("mixer_s32", weights="imagenet-gsam", input_shape=(448, 672, 3))
    assert model.get_layer("block_0").tokens_mlp_dim == 6 * 8
    with pytest.raises(ValueError, match="use a height of 224 or 448 pixels"):
        km.create_model("mixer_s32", weights="imagenet-gsam", input_shape=(320, 224, 3))
    with pytest.raises(ValueError, match="whole patches"):
        km.create_model("mixer_s32", weights="imagenet-gsam", input_shape=(321, 224, 3))


def test_same_number_of_patches_in_another_grid_is_refused() -> None:
    model = build("mixer_google.npz", input_shape=(16, 64, 3))
    with pytest.raises(km.CheckpointError, match="whole multiples of that grid"):
        km.load_checkpoint(model, DATA / "mixer_google.npz")


@pytest.mark.parametrize("shape", [(96, 96, 3), (64, 96, 3), (32, 128, 3)])
def test_t2t_vit_at_another_resolution(shape: tuple[int, int, int]) -> None:
    checkpoint = "t2t_transformer.pth.tar"
    model = build(checkpoint, input_shape=shape)
    computed = model.get_layer("position").table.numpy()
    km.load_checkpoint(model, DATA / checkpoint, position="computed")
    np.testing.assert_array_equal(model.get_layer("position").table, computed)
    km.load_checkpoint(model, DATA / checkpoint)
    trained = build(checkpoint, weights=DATA / checkpoint).get_layer("position").table.numpy()
    grid = shape[0] // 16, shape[1] // 16
    expected = interpolate_positions(trained, (4, 4), grid)
    np.testing.assert_array_equal(model.get_layer("position").table, expected)
    with pytest.raises(km.CheckpointError, match="position must be 'interpolate' or 'computed'"):
        km.load_checkpoint(model, DATA / checkpoint, position="nearest")


def test_the_second_head_of_token_labeling_is_left_out(tmp_path: Path) -> None:
    content = torch.load(DATA / "t2t_performer.pth.tar", weights_only=False)["state_dict_ema"]
    extra = {"module.aux_head.weight": torch.zeros(5, 32), "module.aux_head.bias": torch.zeros(5)}
    torch.save({**content, **extra}, tmp_path / "labeling.pth.tar")
    build("t2t_performer.pth.tar", weights=tmp_path / "labeling.pth.tar")


def test_names_that_do_not_fit() -> None:
    with pytest.raises(ValueError, match="no weights 'imagenet22k' of 'mixer_b16'; choose from im"):
        km.create_model("mixer_b16", weights="imagenet22k")
    with pytest.raises(ValueError, match="No weights of 'mixer_h14' were released; there are"):
        km.create_model("mixer_h14", weights="imagenet")
    with pytest.raises(ValueError, match="none of them is a ConvMixer with these arguments"):
        km.ConvMixer(99, 1, weights="imagenet")
    with pytest.raises(ValueError, match="trained with activation='gelu_tanh'; received 'gelu'"):
        km.MLPMixer(768, 12, weights="imagenet")
    with pytest.raises(ValueError, match="trained with activation='relu'; received 'gelu'"):
        km.ConvMixer(768, 32, 7, 7, weights="imagenet")


def test_a_missing_file_is_an_error_of_one_line(folder: Path) -> None:
    with pytest.raises(OSError, match=r"'convmixer_1536_20\.in1k\..* is missing") as error:
        km.download_weights("convmixer_1536_20")
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("source", SOURCES, ids=lambda source: f"{source.variant}-{source.name}")
def test_every_source_resolves_from_its_network(source: Source) -> None:
    info = km.model_info(source.variant)
    assert source in info.weights
    arguments = {
        key: value
        for key, value in info.arguments.items()
        if key not in ("activation", "tokens_mlp_dim", "channels_mlp_dim")
    }
    activation = source.activation or info.arguments.get("activation", "gelu")
    find = partial(by_name.find_named_weights, info.family, arguments, activation)
    assert find(source) is source
    model, _, size = source.variant.partition("_")
    # DeiT and ViT of one size are the same network.
    twin = {"vit": f"deit_{size}", "deit": f"vit_{size}"}.get(model)
    if twin in km.list_models() and source.name in {s.name for s in km.model_info(twin).weights}:
        with pytest.raises(ValueError, match=f"may be those of deit_{size} or vit_{size}, "):
            find(source.name)
    else:
        assert find(source.name) == source
