"""Position tables for another size of image: T2T-ViT's, and those that ViT has learned."""

from math import prod

import keras
import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

import keras_mixers as km
from keras_mixers.weights.resize import Grid, interpolate_positions
from tests.helpers.rounding import assert_close
from tests.keras_mixers.layers.formulas import normal
from tests.keras_mixers.layers.layer_case import PROPERTY
from tests.keras_mixers.weights.golden import DATA, build


def by_torch(table: np.ndarray, old_grid: Grid, new_grid: Grid) -> np.ndarray:
    maps = torch.from_numpy(table[:, 1:]).reshape(1, *old_grid, -1).permute(0, 3, 1, 2)
    maps = torch.nn.functional.interpolate(maps, size=new_grid, mode="bicubic", align_corners=False)
    return maps.permute(0, 2, 3, 1).reshape(1, prod(new_grid), -1).numpy()


@given(
    old_grid=st.tuples(st.integers(1, 9), st.integers(1, 9)),
    new_grid=st.tuples(st.integers(1, 20), st.integers(1, 20)),
)
@PROPERTY
def test_positions_are_interpolated_as_torch_does(old_grid: Grid, new_grid: Grid) -> None:
    table = normal(1, 1 + prod(old_grid), 4)
    new = interpolate_positions(table, old_grid, new_grid)
    np.testing.assert_array_equal(new[:, 0], table[:, 0])
    # Sums of 4 x 4 positions, at places that are rounded too, up to the size of the grid.
    assert_close(new[:, 1:], by_torch(table, old_grid, new_grid), 16, gain=max(old_grid))


def test_a_released_table_at_384() -> None:
    """224 to 384 pixels, from and to float32; torch would round the places themselves to it."""
    table = km.layers.sinusoidal_position.sinusoidal_table(1 + 14 * 14, 384)[np.newaxis]
    table = table.astype("float32")
    new = interpolate_positions(table, (14, 14), (24, 24))
    assert new.shape == (1, 577, 384)
    expected = by_torch(table.astype("float64"), (14, 14), (24, 24))
    assert_close(new[:, 1:], expected, 1)


@given(grid=st.tuples(st.integers(1, 4), st.integers(1, 4)))
@PROPERTY
def test_the_same_grid_keeps_the_table(grid: Grid) -> None:
    table = normal(1, 1 + prod(grid), 4).astype("float32")
    np.testing.assert_array_equal(interpolate_positions(table, grid, grid), table)


def test_a_table_of_another_grid() -> None:
    with pytest.raises(
        ValueError, match=r"for 2 x 3 patches has shape \(1, 7, C\); received \(1, "
    ):
        interpolate_positions(normal(1, 10, 4), (2, 3), (4, 6))
    with pytest.raises(ValueError, match=r"received \(7, 4\)\."):
        interpolate_positions(normal(7, 4), (2, 3), (4, 6))


@pytest.mark.parametrize(
    ("old_grid", "new_grid"),
    [((14, 14), (24, 24)), ((14, 14), (7, 9)), ((3, 5), (6, 4)), ((2, 2), (1, 1))],
)
@pytest.mark.parametrize("class_tokens", [0, 1, 2])
def test_learned_positions_are_interpolated_as_timm_does(
    old_grid: Grid, new_grid: Grid, class_tokens: int
) -> None:
    """`resample_abs_pos_embed` is torch's antialiased bicubic interpolation of the patches."""
    table = normal(1, class_tokens + prod(old_grid), 5).astype("float32")
    found = interpolate_positions(table, old_grid, new_grid, class_tokens, antialias=True)
    patches = torch.from_numpy(table[:, class_tokens:]).reshape(1, *old_grid, 5)
    wanted = torch.nn.functional.interpolate(
        patches.permute(0, 3, 1, 2), size=new_grid, mode="bicubic", antialias=True
    )
    wanted = wanted.permute(0, 2, 3, 1).reshape(1, -1, 5).numpy()
    np.testing.assert_array_equal(found[:, :class_tokens], table[:, :class_tokens])
    # torch adds up to 2 x 2 x 14 products in float32, and rounds the places of up to 14 patches.
    assert_close(found[:, class_tokens:], wanted, 56, gain=max(old_grid))


@pytest.mark.parametrize("checkpoint", ["vit_timm.safetensors", "deit_distilled.pth"])
def test_vits_at_another_size_have_interpolated_positions(checkpoint: str) -> None:
    model = build(checkpoint, input_shape=(48, 40, 3), weights=DATA / checkpoint)
    whole = build(checkpoint, weights=DATA / checkpoint).get_layer("position").table
    class_tokens = whole.shape[1] - 16
    wanted = interpolate_positions(
        keras.ops.convert_to_numpy(whole), (4, 4), (6, 5), class_tokens, antialias=True
    )
    np.testing.assert_array_equal(
        keras.ops.convert_to_numpy(model.get_layer("position").table), wanted
    )
    with pytest.raises(km.CheckpointError, match="its position table is learned"):
        km.load_checkpoint(model, DATA / checkpoint, position="computed")
