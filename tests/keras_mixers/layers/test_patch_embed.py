import itertools
from pathlib import Path

import keras
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from keras_mixers.layers import PatchEmbed
from tests.helpers.rounding import assert_close, roundings_in
from tests.keras_mixers.layers.formulas import call, normal, randomize
from tests.keras_mixers.layers.layer_case import NO_SIZES, PROPERTY, LayerCase, error
from tests.keras_mixers.layers.layer_checks import run_layer_test

WEIGHTS = {"conv/kernel": (4, 4, 3, 6), "conv/bias": (6,)}
MAP = LayerCase(
    PatchEmbed,
    {"hidden_dim": 6, "patch_size": 4, "flatten": False},
    input_shape=(2, 11, 8, 3),
    output_shape=(2, 2, 2, 6),
    trainable=WEIGHTS,
    unknown=((None, None, 3), (None, 8, 3), (11, None, 3)),
)
TOKENS = LayerCase(
    PatchEmbed,
    {"hidden_dim": 6, "patch_size": 4, "flatten": True},
    input_shape=(2, 11, 8, 3),
    output_shape=(2, 4, 6),
    trainable=WEIGHTS,
    unknown=((None, None, 3), (None, 8, 3), (11, None, 3)),
)


@pytest.mark.parametrize("case", [MAP, TOKENS], ids=["map", "tokens"])
def test_layer(case: LayerCase, tmp_path: Path) -> None:
    run_layer_test(case, tmp_path)


@PROPERTY
@given(
    patch=st.integers(1, 5),
    rows=st.integers(1, 3),
    columns=st.integers(1, 3),
    rest=st.tuples(st.integers(0, 4), st.integers(0, 4)),
    channels=st.integers(1, 4),
    hidden_dim=st.integers(1, 5),
)
def test_embeds_each_patch_linearly_and_drops_the_rest(
    patch: int, rows: int, columns: int, rest: tuple[int, int], channels: int, hidden_dim: int
) -> None:
    height, width = rows * patch + rest[0] % patch, columns * patch + rest[1] % patch
    images = normal(2, height, width, channels)
    layer = PatchEmbed(hidden_dim, patch, dtype="float64")
    layer.build(images.shape)
    w = randomize(layer)
    expected = np.empty((2, rows, columns, hidden_dim))
    for i, j in itertools.product(range(rows), range(columns)):
        pixels = images[:, i * patch : (i + 1) * patch, j * patch : (j + 1) * patch]
        expected[:, i, j] = np.einsum("bhwc,hwcd->bd", pixels, w["conv/kernel"]) + w["conv/bias"]
    assert layer.grid(height, width) == (rows, columns)
    assert layer.compute_output_shape(images.shape) == expected.shape
    assert_close(call(layer, images), expected, roundings_in(layer.weights))
    flat = PatchEmbed(hidden_dim, patch, flatten=True, dtype="float64")
    flat.build(images.shape)
    flat.set_weights(layer.get_weights())
    row_by_row = expected.reshape(2, rows * columns, hidden_dim)
    assert_close(call(flat, images), row_by_row, roundings_in(layer.weights))


def test_initial_weights_are_those_of_mixer() -> None:
    layer = PatchEmbed(256, 8)
    layer.build((None, 16, 16, 3))
    kernel, bias = layer.get_weights()
    sigma = 1 / np.sqrt(8 * 8 * 3)  # LeCun: of the whole patch, truncated at two of its own.
    assert kernel.std() == pytest.approx(sigma, rel=0.02)
    assert 0.99 * 2 * sigma / 0.87962566 < np.abs(kernel).max() < 2 * sigma / 0.8796
    np.testing.assert_array_equal(bias, np.zeros(256))


def test_takes_other_initial_weights() -> None:
    layer = PatchEmbed(4, 2, kernel_initializer="ones", bias_initializer="ones")
    assert call(layer, np.ones((1, 2, 2, 3))).tolist() == [[[[13.0] * 4]]]
    again = PatchEmbed.from_config(layer.get_config())
    assert call(again, np.ones((1, 2, 2, 3))).tolist() == [[[[13.0] * 4]]]


@pytest.mark.parametrize("value", NO_SIZES)
@pytest.mark.parametrize("name", ["hidden_dim", "patch_size"])
def test_sizes_must_be_positive_integers(name: str, value: object) -> None:
    arguments = {"hidden_dim": 8, "patch_size": 4, name: value}
    expected = f"{name} must be an integer of at least 1; received {value!r}."
    assert error(PatchEmbed, **arguments) == expected


def test_integers_of_numpy_are_integers() -> None:
    layer = PatchEmbed(np.int64(8), np.int32(4))
    assert layer.get_config()["patch_size"] == 4
    assert type(layer.patch_size) is int


def test_image_smaller_than_a_patch() -> None:
    expected = (
        "The image is smaller than a patch: received height 8 and width 3, expected at least "
        "patch_size=4 pixels each."
    )
    assert error(PatchEmbed(8, 4), np.ones((1, 8, 3, 3))) == expected
    assert error(PatchEmbed(8, 4), keras.Input((8, 3, 3))) == expected


def test_image_smaller_than_a_patch_after_building() -> None:
    layer = PatchEmbed(8, 4)
    layer.build((None, None, None, 3))
    with pytest.raises(ValueError, match="received height 3 and width 9, expected at least patch_"):
        layer(np.ones((1, 3, 9, 3)))


def test_images_need_four_axes_and_known_channels() -> None:
    message = error(PatchEmbed(8, 4), np.ones((8, 8, 3)))
    assert message == "PatchEmbed expects an input (B, H, W, C); received shape (8, 8, 3)."
    message = error(PatchEmbed(8, 4), keras.Input((8, 8, None)))
    expected = "PatchEmbed needs to know the channels when it is built; received None for it."
    assert message == expected


@pytest.mark.usefixtures("channels_first")
def test_channels_first_is_refused() -> None:
    assert error(PatchEmbed, 8, 4) == (
        "keras_mixers works on channels_last images (B, H, W, C), but Keras's global "
        "image_data_format is 'channels_first'; call "
        "keras.config.set_image_data_format('channels_last')."
    )
