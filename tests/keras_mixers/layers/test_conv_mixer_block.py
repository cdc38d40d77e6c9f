import itertools
from pathlib import Path

import keras
import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from keras_mixers.layers import ConvMixerBlock
from keras_mixers.layers.activations import get_activation
from tests.helpers.rounding import assert_close, roundings_in
from tests.keras_mixers.layers.formulas import Weights, call, gelu, normal, randomize, weights
from tests.keras_mixers.layers.layer_case import NO_SIZES, PROPERTY, LayerCase, error
from tests.keras_mixers.layers.layer_checks import run_layer_test

EPSILON = 1e-5


def block_weights(kernel_size: int, channels: int) -> dict[str, tuple[int, ...]]:
    return {
        "depthwise/kernel": (kernel_size, kernel_size, channels, 1),
        "depthwise/bias": (channels,),
        "depthwise_norm/gamma": (channels,),
        "depthwise_norm/beta": (channels,),
        "pointwise/kernel": (1, 1, channels, channels),
        "pointwise/bias": (channels,),
        "pointwise_norm/gamma": (channels,),
        "pointwise_norm/beta": (channels,),
    }


CASE = LayerCase(
    ConvMixerBlock,
    {"kernel_size": 3, "activation": "gelu", "residual": True, "normalization": "batch"},
    input_shape=(3, 5, 4, 6),
    output_shape=(3, 5, 4, 6),
    trainable=block_weights(3, 6),
    statistics={
        "depthwise_norm/moving_mean": (6,),
        "depthwise_norm/moving_variance": (6,),
        "pointwise_norm/moving_mean": (6,),
        "pointwise_norm/moving_variance": (6,),
    },
    unknown=((None, None, 6), (5, None, 6)),
)


def built(kernel_size: int, channels: int, **options: object) -> keras.layers.Layer:
    layer = ConvMixerBlock(kernel_size, dtype="float64", **options)
    layer.build((None, None, None, channels))
    return layer


def depthwise(x: np.ndarray, w: Weights) -> np.ndarray:
    """Each channel with its own kernel, over zeros; an even one reaches further down and right."""
    kernel = w["depthwise/kernel"][..., 0]
    size = len(kernel)
    before, after = (size - 1) // 2, size // 2
    padded = np.pad(x, ((0, 0), (before, after), (before, after), (0, 0)))
    y = np.empty_like(x)
    for i, j in itertools.product(range(x.shape[1]), range(x.shape[2])):
        y[:, i, j] = (padded[:, i : i + size, j : j + size] * kernel).sum(axis=(1, 2))
    return y + w["depthwise/bias"]


def normalize(x: np.ndarray, w: Weights, name: str, training: bool) -> np.ndarray:
    mean, variance = w[f"{name}/moving_mean"], w[f"{name}/moving_variance"]
    if training:
        mean, variance = x.mean(axis=(0, 1, 2)), x.var(axis=(0, 1, 2))
    return (x - mean) / np.sqrt(variance + EPSILON) * w[f"{name}/gamma"] + w[f"{name}/beta"]


def block(x: np.ndarray, w: Weights, training: bool = False) -> np.ndarray:
    x = x + normalize(gelu(depthwise(x, w)), w, "depthwise_norm", training)
    y = gelu(x @ w["pointwise/kernel"][0, 0] + w["pointwise/bias"])
    return normalize(y, w, "pointwise_norm", training)


def test_layer(tmp_path: Path) -> None:
    run_layer_test(CASE, tmp_path)


@pytest.mark.parametrize("training", [False, True])
@pytest.mark.parametrize("kernel_size", [1, 2, 3, 4, 9])
def test_formula_of_the_paper(kernel_size: int, training: bool) -> None:
    x = normal(2, 5, 4, 3)
    layer = built(kernel_size, 3)
    w = randomize(layer)
    # Statistics of the batch are sums over its 2 x 5 x 4 positions.
    assert_close(
        call(layer, x, training=training), block(x, w, training), roundings_in(layer.weights) + 80
    )


@pytest.mark.parametrize("training", [False, True])
def test_without_its_residual(training: bool) -> None:
    x = normal(2, 5, 4, 3)
    layer = built(3, 3, residual=False)
    w = randomize(layer)
    y = normalize(gelu(depthwise(x, w)), w, "depthwise_norm", training)
    y = gelu(y @ w["pointwise/kernel"][0, 0] + w["pointwise/bias"])
    expected = normalize(y, w, "pointwise_norm", training)
    assert_close(call(layer, x, training=training), expected, roundings_in(layer.weights) + 80)
    assert not ConvMixerBlock.from_config(layer.get_config()).residual


@pytest.mark.parametrize("training", [False, True])
def test_with_layer_normalisation(training: bool) -> None:
    def each_position(x: np.ndarray, w: Weights, name: str) -> np.ndarray:
        mean, variance = x.mean(-1, keepdims=True), x.var(-1, keepdims=True)
        return (x - mean) / np.sqrt(variance + EPSILON) * w[f"{name}/gamma"] + w[f"{name}/beta"]

    x = normal(2, 5, 4, 3)
    layer = built(3, 3, normalization="layer")
    w = randomize(layer)
    y = x + each_position(gelu(depthwise(x, w)), w, "depthwise_norm")
    y = gelu(y @ w["pointwise/kernel"][0, 0] + w["pointwise/bias"])
    expected = each_position(y, w, "pointwise_norm")
    assert_close(call(layer, x, training=training), expected, roundings_in(layer.weights) + 80)
    assert not layer.non_trainable_weights


def test_other_normalisations_are_refused() -> None:
    with pytest.raises(ValueError, match="must be 'batch' or 'layer'; received 'group'"):
        built(3, 3, normalization="group")


def test_running_statistics_follow_the_batch() -> None:
    x = normal(4, 3, 3, 2)
    layer = built(3, 2)
    before = randomize(layer)
    layer(x, training=True)
    after = weights(layer)
    activated = gelu(depthwise(x, before))
    for name, batch in (
        ("mean", activated.mean((0, 1, 2))),
        ("variance", activated.var((0, 1, 2))),
    ):
        path = f"depthwise_norm/moving_{name}"
        assert_close(
            after[path], 0.9 * before[path] + 0.1 * batch, roundings_in(layer.weights) + 72
        )


@pytest.mark.filterwarnings("ignore:Using padding='same' with even kernel lengths:UserWarning")
@PROPERTY
@given(
    kernel_size=st.integers(1, 8),
    height=st.integers(1, 9),
    width=st.integers(1, 9),
    channels=st.integers(1, 3),
)
def test_borders_are_those_of_torch(
    kernel_size: int, height: int, width: int, channels: int
) -> None:
    x = normal(2, height, width, channels)
    layer = built(kernel_size, channels)
    w = randomize(layer)
    expected = torch.nn.functional.conv2d(
        torch.from_numpy(x.transpose(0, 3, 1, 2)),
        torch.from_numpy(w["depthwise/kernel"].transpose(2, 3, 0, 1)),
        torch.from_numpy(w["depthwise/bias"]),
        padding="same",
        groups=channels,
    )
    found = call(layer.depthwise, x)
    assert_close(found, expected.numpy().transpose(0, 2, 3, 1), kernel_size**2)
    assert_close(found, depthwise(x, w), kernel_size**2)
    assert layer.compute_output_shape(x.shape) == call(layer, x).shape


def test_initial_weights_are_those_of_pytorch() -> None:
    layer = built(5, 400)
    w = weights(layer)
    for name, fan_in in (("depthwise", 5 * 5), ("pointwise", 400)):
        limit = fan_in**-0.5
        for weight in (w[f"{name}/kernel"], w[f"{name}/bias"]):
            assert 0.97 * limit < np.abs(weight).max() <= limit
            assert weight.std() == pytest.approx(limit / np.sqrt(3), rel=0.1)
            assert abs(weight.mean()) < 4 * limit / np.sqrt(3 * weight.size)
        assert np.all(w[f"{name}_norm/gamma"] == 1)
        assert np.all(w[f"{name}_norm/beta"] == 0)


@pytest.mark.parametrize("name", ["relu", "gelu_tanh", "silu"])
def test_activation_is_used_in_both_halves(name: str) -> None:
    x = normal(1, 3, 3, 2)
    layer = built(3, 2, activation=name)
    randomize(layer)
    activation = get_activation(name)
    y = x + layer.depthwise_norm(activation(layer.depthwise(x)))
    expected = layer.pointwise_norm(activation(layer.pointwise(y)))
    np.testing.assert_array_equal(call(layer, x), expected)
    assert layer.get_config()["activation"] == name


@pytest.mark.parametrize("value", NO_SIZES)
def test_kernel_size_must_be_a_positive_integer(value: object) -> None:
    message = error(ConvMixerBlock, kernel_size=value)
    assert message == f"kernel_size must be an integer of at least 1; received {value!r}."


def test_maps_need_four_axes_and_known_channels() -> None:
    message = error(ConvMixerBlock(3), np.ones((2, 4, 6)))
    assert message == "ConvMixerBlock expects an input (B, H, W, C); received shape (2, 4, 6)."
    message = error(ConvMixerBlock(3), keras.Input((4, 4, None)))
    assert message.startswith("ConvMixerBlock needs to know the channels when it is built;")


@pytest.mark.usefixtures("channels_first")
def test_channels_first_is_refused() -> None:
    assert "global image_data_format is 'channels_first'; call " in error(ConvMixerBlock, 3)
