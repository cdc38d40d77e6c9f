"""Which images each model takes, and what it says of the others."""

import keras
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import keras_mixers as km
from tests.helpers.rounding import assert_close, roundings_in
from tests.helpers.tiny_models import build

sizes = st.integers(1, 40)


@settings(max_examples=15)
@given(height=sizes, width=sizes, patch_size=st.integers(1, 9), kernel_size=st.integers(1, 6))
def test_conv_mixer_drops_a_remainder(
    height: int, width: int, patch_size: int, kernel_size: int
) -> None:
    options = {"patch_size": patch_size, "kernel_size": kernel_size, "include_top": False}
    if min(height, width) < patch_size:
        with pytest.raises(ValueError, match="smaller than a patch"):
            km.ConvMixer(4, 1, input_shape=(height, width, 3), **options)
        return
    model = km.ConvMixer(4, 1, input_shape=(height, width, 3), **options)
    image = np.random.default_rng(0).normal(size=(1, height, width, 3)).astype("float32")
    rows, columns = height // patch_size, width // patch_size
    output = model(image)
    assert output.shape == (1, rows, columns, 4)
    whole = km.ConvMixer(4, 1, input_shape=(None, None, 3), **options)
    whole.set_weights(model.get_weights())
    cropped = image[:, : rows * patch_size, : columns * patch_size]
    assert_close(output, whole(cropped), roundings_in(model.weights))


def test_conv_mixer_of_unknown_size_takes_several() -> None:
    model = km.ConvMixer(8, 1, 4, 3, classes=5, input_shape=(None, None, 3))
    for shape in ((2, 32, 32, 3), (1, 17, 64, 3)):
        assert model(np.zeros(shape)).shape == (shape[0], 5)
    with pytest.raises(ValueError, match="smaller than a patch"):
        model(np.zeros((1, 3, 32, 3)))


@settings(max_examples=10)
@given(height=sizes, width=sizes, patch_size=st.integers(1, 16))
def test_mixer_takes_multiples_of_the_patch(height: int, width: int, patch_size: int) -> None:
    options = {"patch_size": patch_size, "include_top": False, "input_shape": (height, width, 3)}
    if height % patch_size or width % patch_size:
        with pytest.raises(ValueError, match="whole patches") as error:
            km.MLPMixer(4, 1, **options)
        assert f"patch_size={patch_size}" in str(error.value)
        return
    tokens = height * width // patch_size**2
    assert km.MLPMixer(4, 1, **options).output_shape == (None, tokens, 4)


@settings(max_examples=10)
@given(height=sizes, width=sizes)
def test_t2t_vit_takes_any_size_from_three_pixels(height: int, width: int) -> None:
    options = {"include_top": False, "input_shape": (height, width, 3)}
    if min(height, width) < 3:
        with pytest.raises(ValueError, match="at least 3 each"):
            km.T2TViT(4, 1, 1, **options)
        return
    rows, columns = ((((side + 4 - 7) // 4 + 1 + 1) // 2 + 1) // 2 for side in (height, width))
    assert km.T2TViT(4, 1, 1, **options).output_shape == (None, rows * columns + 1, 4)


@pytest.mark.parametrize("name", ["mlp_mixer", "t2t_vit_performer"])
def test_fixed_sizes(name: str) -> None:
    with pytest.raises(ValueError, match=r"must be known; received input_shape=\(None, 32, 3\)"):
        build(name, input_shape=(None, 32, 3))
    model = build(name)
    with pytest.raises(ValueError, match="incompatible") as error:
        model(np.zeros((1, 64, 48, 3)))
    assert "32" in str(error.value)
    assert "64" in str(error.value)


@pytest.mark.parametrize(
    ("shape", "message"),
    [
        ((32, 32), r"must be \(height, width, channels\)"),
        ((32, 32, None), "with known channels"),
        ((0, 32, 3), "The height of input_shape must be an integer of at least 1; received 0"),
        ((32, 3.5, 3), "The width of input_shape must be an integer of at least 1; received 3.5"),
    ],
)
def test_bad_input_shapes(shape: tuple, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        build("conv_mixer", input_shape=shape)


def test_bad_input_tensors() -> None:
    with pytest.raises(ValueError, match=r"must be a symbolic Keras tensor.*received ndarray"):
        build("conv_mixer", input_tensor=np.zeros((1, 8, 8, 3)))
    with pytest.raises(ValueError, match=r"input_tensor expects an input \(B, H, W, C\)"):
        build("conv_mixer", input_tensor=keras.Input((8, 3)))


SIZES = {
    "ConvMixer": (km.ConvMixer, {"hidden_dim": 8, "depth": 1, "patch_size": 4, "kernel_size": 3}),
    "MLPMixer": (km.MLPMixer, {"hidden_dim": 8, "depth": 1, "tokens_mlp_dim": 4}),
    "T2TViT": (km.T2TViT, {"hidden_dim": 8, "depth": 1, "num_heads": 2}),
}


@pytest.mark.parametrize("value", [0, -1, 2.0, True, "3", None])
@pytest.mark.parametrize(
    ("family", "argument"),
    [(family, argument) for family, (_, sizes) in SIZES.items() for argument in sizes]
    + [("ConvMixer", "classes")],
)
def test_sizes_must_be_positive_integers(family: str, argument: str, value: object) -> None:
    if argument == "tokens_mlp_dim" and value is None:
        return  # None stands for hidden_dim // 2
    function, arguments = SIZES[family]
    with pytest.raises(ValueError, match=f"{argument} must be an integer of at least 1"):
        function(**{**arguments, argument: value, "input_shape": (32, 32, 3)})


def test_numpy_integers_are_integers() -> None:
    assert km.ConvMixer(np.int64(8), np.int32(1), input_shape=(32, 32, 3)).name == "convmixer_8_1"


@pytest.mark.parametrize("name", ["mlp_mixer", "t2t_vit_performer"])
@pytest.mark.parametrize("argument", ["drop_rate", "drop_path_rate"])
@pytest.mark.parametrize("value", [-0.1, 1.0, True, "0.1"])
def test_rates_must_be_probabilities(name: str, argument: str, value: object) -> None:
    with pytest.raises(ValueError, match=f"{argument} must be a number from 0 to below 1"):
        build(name, **{argument: value})


def test_heads_must_divide() -> None:
    with pytest.raises(ValueError, match="received num_heads=3 for 64 channels"):
        km.T2TViT(64, 1, num_heads=3)


def test_unknown_names() -> None:
    with pytest.raises(ValueError, match=r"activation must be .*received 'gellu'"):
        build("conv_mixer", activation="gellu")
    with pytest.raises(ValueError, match=r"token_mixer must be .*received 'former'"):
        km.T2TViT(8, 1, 1, token_mixer="former")
    with pytest.raises(ValueError, match="pooling must be None, 'avg' or 'max'; received 'mean'"):
        build("conv_mixer", include_top=False, pooling="mean")


@pytest.mark.parametrize("name", ["conv_mixer", "mlp_mixer", "t2t_vit_performer"])
def test_channels_first_is_refused(name: str) -> None:
    keras.config.set_image_data_format("channels_first")
    with pytest.raises(ValueError, match=r"set_image_data_format\('channels_last'\)"):
        build(name)


def test_t2t_vit_with_hard_splits_has_as_many_tokens_of_less_overlap() -> None:
    options = {"input_shape": (32, 32, 1), "token_dim": 16, "classes": 5}
    soft, hard = (km.T2TViT(8, 1, 1, overlap=overlap, **options) for overlap in (True, False))
    shapes = [
        [model.get_layer(f"soft_split_{i}").output.shape[1:] for i in range(3)]
        for model in (soft, hard)
    ]
    assert shapes[0] == [(64, 49), (16, 9 * 16), (4, 9 * 16)]
    assert shapes[1] == [(64, 16), (16, 4 * 16), (4, 4 * 16)]
    with pytest.raises(ValueError, match="none of them is a T2TViT with these arguments"):
        km.T2TViT(384, 14, 6, token_dim=32, weights="imagenet")


def test_conv_mixer_without_residual_or_with_layer_norm_is_another_network() -> None:
    options = {"patch_size": 2, "kernel_size": 3, "input_shape": (8, 8, 3), "classes": 5}
    plain = km.ConvMixer(8, 2, **options)
    layer = km.ConvMixer(8, 2, normalization="layer", **options)
    names = {weight.path.rpartition("/")[2] for weight in layer.weights}
    assert "moving_mean" not in names
    assert len(layer.trainable_weights) == len(plain.trainable_weights)
    block = km.ConvMixer(8, 2, residual=False, **options).get_layer("block_1")
    assert (block.residual, block.normalization) == (False, "batch")
    with pytest.raises(ValueError, match="none of them is a ConvMixer with these arguments"):
        km.ConvMixer(768, 32, 7, 7, activation="relu", residual=False, weights="imagenet")
