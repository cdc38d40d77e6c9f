import itertools
from pathlib import Path

import keras
import numpy as np
import pytest
import torch
from hypothesis import assume, given
from hypothesis import strategies as st

from keras_mixers.layers import SoftSplit
from tests.keras_mixers.layers.formulas import call, normal
from tests.keras_mixers.layers.layer_case import NO_SIZES, PROPERTY, LayerCase, error
from tests.keras_mixers.layers.layer_checks import run_layer_test

CASE = LayerCase(
    SoftSplit,
    {"kernel_size": 3, "stride": 2, "padding": 1},
    input_shape=(2, 7, 6, 2),
    output_shape=(2, 12, 18),
    unknown=((None, None, 2), (7, None, 2), (None, 6, 2)),
)
SETTINGS = {
    "kernel_size": st.integers(1, 7),
    "stride": st.integers(1, 8),
    "padding": st.integers(0, 8),
    "height": st.integers(1, 12),
    "width": st.integers(1, 12),
    "channels": st.integers(1, 3),
}


def cut(x: np.ndarray, kernel_size: int, stride: int, padding: int) -> np.ndarray:
    """Every patch in turn, row by row, in the order (row, column, channel)."""
    border = (padding, padding)
    x = np.pad(x, ((0, 0), border, border, (0, 0)))
    starts = [range(0, side - kernel_size + 1, stride) for side in x.shape[1:3]]
    patches = [
        x[:, i : i + kernel_size, j : j + kernel_size].reshape(len(x), -1)
        for i, j in itertools.product(*starts)
    ]
    return np.stack(patches, axis=1)


def test_layer(tmp_path: Path) -> None:
    run_layer_test(CASE, tmp_path)


@PROPERTY
@given(**SETTINGS)
def test_cuts_as_a_loop_does(
    kernel_size: int, stride: int, padding: int, height: int, width: int, channels: int
) -> None:
    assume(min(height, width) + 2 * padding >= kernel_size)
    x = normal(2, height, width, channels)
    layer = SoftSplit(kernel_size, stride, padding, dtype="float64")
    expected = cut(x, kernel_size, stride, padding)
    np.testing.assert_array_equal(call(layer, x), expected)
    assert layer.compute_output_shape(x.shape) == expected.shape
    rows, columns = layer.grid(height, width)
    assert rows * columns == expected.shape[1]
    assert rows == len(range(0, height + 2 * padding - kernel_size + 1, stride))


@PROPERTY
@given(**SETTINGS)
def test_equals_unfold_of_torch_but_for_the_order_in_a_patch(
    kernel_size: int, stride: int, padding: int, height: int, width: int, channels: int
) -> None:
    assume(min(height, width) + 2 * padding >= kernel_size)
    x = normal(2, height, width, channels)
    unfolded = torch.nn.functional.unfold(
        torch.from_numpy(x.transpose(0, 3, 1, 2)), kernel_size, stride=stride, padding=padding
    ).numpy()
    by_channel = unfolded.reshape(2, channels, kernel_size**2, -1)
    expected = by_channel.transpose(0, 3, 2, 1).reshape(2, -1, kernel_size**2 * channels)
    layer = SoftSplit(kernel_size, stride, padding, dtype="float64")
    np.testing.assert_array_equal(call(layer, x), expected)


def test_the_three_splits_of_t2t_vit() -> None:
    size, tokens = (224, 224), []
    for kernel_size, stride, padding in ((7, 4, 2), (3, 2, 1), (3, 2, 1)):
        size = SoftSplit(kernel_size, stride, padding).grid(*size)
        tokens.append(size[0] * size[1])
    assert tokens == [3136, 784, 196]


@pytest.mark.parametrize("value", NO_SIZES)
@pytest.mark.parametrize("name", ["kernel_size", "stride"])
def test_sizes_must_be_positive_integers(name: str, value: object) -> None:
    message = error(SoftSplit, **{"kernel_size": 3, "stride": 2, name: value})
    assert message == f"{name} must be an integer of at least 1; received {value!r}."


@pytest.mark.parametrize("value", [value for value in NO_SIZES if value != 0])
def test_padding_must_not_be_negative(value: object) -> None:
    message = error(SoftSplit, 3, 2, padding=value)
    assert message == f"padding must be an integer of at least 0; received {value!r}."


def test_map_smaller_than_a_patch() -> None:
    expected = (
        "The map is smaller than a patch: received height 9 and width 2, expected at least 3 each "
        "(kernel_size 7, padding 2)."
    )
    assert error(SoftSplit(7, 4, 2), np.ones((1, 9, 2, 3))) == expected
    assert error(SoftSplit(7, 4, 2), keras.Input((9, 2, 3))) == expected
    layer = SoftSplit(7, 4, 2)
    layer.build((None, None, None, 3))
    with pytest.raises(ValueError, match="received height 9 and width 2, expected at least 3 each"):
        layer(np.ones((1, 9, 2, 3)))


def test_maps_need_four_axes_and_known_channels() -> None:
    message = error(SoftSplit(3, 2), np.ones((2, 4, 6)))
    assert message == "SoftSplit expects an input (B, H, W, C); received shape (2, 4, 6)."
    message = error(SoftSplit(3, 2), keras.Input((4, 4, None)))
    assert message.startswith("SoftSplit needs to know the channels when it is built;")


@pytest.mark.usefixtures("channels_first")
def test_channels_first_is_refused() -> None:
    assert "global image_data_format is 'channels_first'; call " in error(SoftSplit, 3, 2)
