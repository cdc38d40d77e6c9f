"""Weights for another size of image: those of layers across tokens."""

import re
from math import prod

import keras
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import keras_mixers as km
from keras_mixers.weights.resize import (
    Grid,
    interpolate_positions,
    scale_factors,
    spread_token_dense,
    spread_token_mlp,
)
from tests.helpers.rounding import LAYER_NORM, assert_close, rounding_bound, roundings_in
from tests.keras_mixers.layers.formulas import Weights, call, mlp, normal, randomize
from tests.keras_mixers.layers.layer_case import PROPERTY
from tests.keras_mixers.weights.golden import DATA, build, reference

TOKEN_MLP = ("dense_0/kernel", "dense_0/bias", "dense_1/kernel", "dense_1/bias")
CHANNELS = 3

grids = st.tuples(st.integers(1, 4), st.integers(1, 4))
factors = st.tuples(st.integers(1, 3), st.integers(1, 3))

CASES = pytest.mark.parametrize(
    ("old_grid", "new_grid"),
    [
        ((4, 4), (8, 8)),
        ((3, 3), (9, 9)),
        ((2, 3), (4, 6)),
        ((2, 3), (6, 3)),
        ((3, 2), (3, 6)),
        ((5, 3), (10, 9)),
        ((14, 14), (28, 28)),
        ((14, 14), (28, 14)),
    ],
)


def grown(old_grid: Grid, times: Grid) -> Grid:
    return old_grid[0] * times[0], old_grid[1] * times[1]


def random_mlp(tokens: int, width: int) -> Weights:
    """Return a token MLP's weights; at any size it returns numbers of order 1."""
    shapes = [(tokens, width), (width,), (width, tokens), (tokens,)]
    return {
        name: normal(*shape, seed=i) / (2 * np.sqrt(shape[0]))
        for i, (name, shape) in enumerate(zip(TOKEN_MLP, shapes, strict=True))
    }


def spread(weights: Weights, old_grid: Grid, new_grid: Grid, prefix: str = "") -> Weights:
    names = [prefix + name for name in TOKEN_MLP]
    new = spread_token_mlp(*(weights[name] for name in names), old_grid, new_grid)
    return dict(zip(names, new, strict=True))


def fill(layer: keras.layers.Layer, weights: Weights) -> None:
    for weight in layer.weights:
        weight.assign(weights[weight.path.split("/", 1)[1]])


def cut(x: np.ndarray, old_grid: Grid, new_grid: Grid) -> list[np.ndarray]:
    """Return the tokens (B, S, C) of each part of a whole image's tokens (B, K S, C)."""
    images = x.reshape(len(x), *new_grid, -1)
    (rows, columns), channels = old_grid, images.shape[-1]
    return [
        images[:, top : top + rows, left : left + columns].reshape(len(x), -1, channels)
        for top in range(0, new_grid[0], rows)
        for left in range(0, new_grid[1], columns)
    ]


def largest_difference(one: list[np.ndarray], other: list[np.ndarray]) -> float:
    assert len(one) == len(other) > 0
    return max(np.abs(a - b).max() for a, b in zip(one, other, strict=True))


def error_of_spreading(old: Weights, old_grid: Grid, new_grid: Grid, x: np.ndarray) -> float:
    """Return how far the new token MLP is from the old one on each part, for x (B, K S, C)."""

    def token_mlp(weights: Weights, tokens: np.ndarray) -> np.ndarray:
        named = {f"token_mlp/{name}": array for name, array in weights.items()}
        return mlp(tokens.swapaxes(1, 2), named, "token_mlp").swapaxes(1, 2)

    whole = token_mlp(spread(old, old_grid, new_grid), x)
    assert whole.dtype == x.dtype
    assert np.abs(whole).max() > 0.1
    parts = [token_mlp(old, part) for part in cut(x, old_grid, new_grid)]
    return largest_difference(cut(whole, old_grid, new_grid), parts)


def bound(old_grid: Grid, width: int, dtype: str = "float64") -> float:
    """Return how far a token MLP over a grid may be from another that adds up the same products."""
    return rounding_bound(np.ones(1, dtype), prod(old_grid) + width)


@CASES
@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_the_new_token_mlp_is_the_old_one_on_each_part(
    old_grid: Grid, new_grid: Grid, dtype: str
) -> None:
    old = {name: array.astype(dtype) for name, array in random_mlp(prod(old_grid), 8).items()}
    x = normal(2, prod(new_grid), CHANNELS).astype(dtype)
    assert error_of_spreading(old, old_grid, new_grid, x) <= bound(old_grid, 8, dtype)


@given(old_grid=grids, times=factors, width=st.integers(1, 5))
@PROPERTY
def test_any_grid_by_any_factors(old_grid: Grid, times: Grid, width: int) -> None:
    new_grid = grown(old_grid, times)
    assert scale_factors(old_grid, new_grid) == times
    x = normal(1, prod(new_grid), CHANNELS)
    error = error_of_spreading(random_mlp(prod(old_grid), width), old_grid, new_grid, x)
    assert error <= bound(old_grid, width)


def old_and_new(old_grid: Grid, new_grid: Grid, dtype: str) -> tuple[km.MixerBlock, km.MixerBlock]:
    """Return a block with random weights, and that for the new grid with the weights spread."""
    parts = prod(new_grid) // prod(old_grid)
    blocks = tuple(km.MixerBlock(8 * times, 6, dtype=dtype) for times in (1, parts))
    for block, grid in zip(blocks, (old_grid, new_grid), strict=True):
        block.build((None, prod(grid), CHANNELS))
    old, new = blocks
    weights = randomize(old)
    weights |= {f"token_mlp/{name}": w for name, w in random_mlp(prod(old_grid), 8).items()}
    fill(old, weights)
    fill(new, weights | spread(weights, old_grid, new_grid, "token_mlp/"))
    return old, new


@CASES
def test_the_token_mlp_of_the_layer(old_grid: Grid, new_grid: Grid) -> None:
    old, new = old_and_new(old_grid, new_grid, "float32")
    x = normal(2, prod(new_grid), CHANNELS).astype("float32")
    whole = call(new.token_mlp, x.swapaxes(1, 2)).swapaxes(1, 2)
    parts = [
        call(old.token_mlp, part.swapaxes(1, 2)).swapaxes(1, 2)
        for part in cut(x, old_grid, new_grid)
    ]
    assert np.abs(whole).max() > 0.1
    error = largest_difference(cut(whole, old_grid, new_grid), parts)
    assert error <= bound(old_grid, 8, "float32")


@CASES
def test_the_whole_layer_is_the_old_one_on_each_part(old_grid: Grid, new_grid: Grid) -> None:
    old, new = old_and_new(old_grid, new_grid, "float64")
    x = normal(2, prod(new_grid), CHANNELS)
    whole = cut(call(new, x), old_grid, new_grid)
    for found, part in zip(whole, cut(x, old_grid, new_grid), strict=True):
        assert_close(found, call(old, part), roundings_in(old.weights), LAYER_NORM)


@CASES
def test_every_weight_is_there_once_for_each_part_and_nothing_else(
    old_grid: Grid, new_grid: Grid
) -> None:
    parts = prod(new_grid) // prod(old_grid)
    old = random_mlp(prod(old_grid), 5)
    new = spread(old, old_grid, new_grid)
    for name in TOKEN_MLP:
        assert new[name].shape == tuple(parts * side for side in old[name].shape)
        values = np.sort(new[name][new[name] != 0])
        np.testing.assert_array_equal(values, np.sort(np.tile(old[name].ravel(), parts)))


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
def test_the_type_is_kept(dtype: str) -> None:
    old = {name: array.astype(dtype) for name, array in random_mlp(4, 3).items()}
    assert {array.dtype.name for array in spread(old, (2, 2), (4, 4)).values()} == {dtype}
    table = normal(1, 5, 3).astype(dtype)
    assert interpolate_positions(table, (2, 2), (3, 3)).dtype == dtype


def test_the_same_grid_gives_the_same_weights() -> None:
    old = random_mlp(6, 4)
    for name, array in spread(old, (2, 3), (2, 3)).items():
        np.testing.assert_array_equal(array, old[name])


@pytest.mark.parametrize(
    ("new_grid", "patch_size", "message"),
    [
        (
            (20, 28),
            16,
            "Token weights for 14 x 14 patches fit only whole multiples of that grid; "
            "received 20 x 28 patches, use a height of 224 or 448 pixels.",
        ),
        ((28, 9), 16, "received 28 x 9 patches, use a width of 224 pixels."),
        (
            (15, 41),
            None,
            "use a height of 14 or 28 patches and a width of 28 or 42 patches.",
        ),
        ((0, 14), 16, "at least one row and one column; received 14 x 14 and 0 x 14."),
    ],
)
def test_sizes_that_do_not_fit(new_grid: Grid, patch_size: int | None, message: str) -> None:
    with pytest.raises(ValueError, match=re.escape(message) + "$") as caught:
        scale_factors((14, 14), new_grid, patch_size)
    assert "\n" not in str(caught.value)


def test_weights_of_another_grid() -> None:
    old = random_mlp(6, 4)
    with pytest.raises(ValueError, match=r"fit only whole multiples .* height of 2 or 4 patches"):
        spread(old, (2, 3), (3, 3))
    message = (
        r"over 2 x 2 patches has kernels \(4, D\) and \(D, 4\) and biases \(D,\) and \(4,\); "
        r"received shapes \(6, 4\), \(4,\), \(4, 6\), \(6,\)\."
    )
    with pytest.raises(ValueError, match=message):
        spread(old, (2, 2), (4, 4))


@pytest.mark.parametrize(("old_grid", "new_grid"), [((2, 3), (4, 3)), ((2, 2), (4, 6))])
def test_the_new_token_layer_is_the_old_one_on_each_part(old_grid: Grid, new_grid: Grid) -> None:
    kernel, bias = normal(prod(old_grid), prod(old_grid)), normal(prod(old_grid), seed=1)
    new_kernel, new_bias = spread_token_dense(kernel, bias, old_grid, new_grid)
    x = normal(*new_grid)
    found = (x.reshape(-1) @ new_kernel + new_bias).reshape(new_grid)
    for row in range(0, new_grid[0], old_grid[0]):
        for column in range(0, new_grid[1], old_grid[1]):
            part = slice(row, row + old_grid[0]), slice(column, column + old_grid[1])
            wanted = (x[part].reshape(-1) @ kernel + bias).reshape(old_grid)
            assert_close(found[part], wanted, prod(old_grid))


@pytest.mark.parametrize("checkpoint", ["resmlp_timm.safetensors", "gmlp_timm.safetensors"])
def test_relatives_at_multiples_treat_each_part_as_before(checkpoint: str) -> None:
    small = build(checkpoint, include_top=False, weights=DATA / checkpoint)
    large = build(checkpoint, include_top=False, input_shape=(64, 32, 3))
    km.load_checkpoint(large, DATA / checkpoint)
    images = reference(checkpoint).images
    both = np.asarray(large(np.concatenate([images, images[::-1]], axis=1)))
    upper, lower = np.split(both, 2, axis=1)
    for part, wanted in ((upper, images), (lower, images[::-1])):
        assert_close(part, small(wanted), roundings_in(large.weights))
    with pytest.raises(km.CheckpointError, match="fit only whole multiples"):
        build(checkpoint, include_top=False, input_shape=(48, 32, 3), weights=DATA / checkpoint)
