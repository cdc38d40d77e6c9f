"""Adapts a checkpoint's weights to a model with other input channels or another resolution."""

import math
from typing import Literal

import keras
import numpy as np

from keras_mixers.layers.class_token import ClassToken
from keras_mixers.layers.learned_position import LearnedPosition
from keras_mixers.layers.patch_embed import PatchEmbed
from keras_mixers.layers.patch_grid import patch_grid
from keras_mixers.weights.resize import (
    Grid,
    interpolate_positions,
    scale_factors,
    spread_token_dense,
    spread_token_mlp,
)

Values = dict[str, np.ndarray]
Position = Literal["interpolate", "computed"]

_PATCH_KERNEL = "patch_embed/conv/kernel"
_POSITION_TABLE = "position/table"
_TOKEN_DENSE = "/token_dense/kernel"
# Biases of as many numbers as there are tokens.
_TOKEN_BIAS = ("/token_mlp/dense_1/bias", "/token_dense/bias")
_TOKEN_MLP = ("dense_0/kernel", "dense_0/bias", "dense_1/kernel", "dense_1/bias")


def adapt_to_model(model: keras.Model, values: Values, position: Position) -> Values:
    """Return the values adapted to the model's input channels and its grid of patches.

    Values that already fit, or that differ in any other way, are returned unchanged.

    Args:
        model: Built by one of the model functions.
        values: Weights of a checkpoint for square images, by the path of the weight.
        position: What a T2T-ViT with another grid gets: "interpolate" returns the checkpoint's
            position table, interpolated; "computed" leaves the table out, so that the model keeps
            the one that it computed for its own grid.

    Raises:
        ValueError: If an MLP-Mixer's grid is not a multiple of the checkpoint's, or `position` is
            unknown.
    """
    if position not in ("interpolate", "computed"):
        raise ValueError(f"position must be 'interpolate' or 'computed'; received {position!r}.")
    values = dict(values)
    shapes = {weight.path: tuple(weight.shape) for weight in model.weights}
    grid = patch_grid(model.layers)
    if _PATCH_KERNEL in values:
        values[_PATCH_KERNEL] = _adapt_channels(values[_PATCH_KERNEL], shapes[_PATCH_KERNEL][2])
    if grid is not None and _POSITION_TABLE in values:
        _adapt_positions(model, values, grid, position)
    mixers = [path for path in values if path.startswith("block_0/") and path.endswith(_TOKEN_BIAS)]
    if grid is not None and mixers:
        tokens = len(values[mixers[0]])
        if _has_other_grid(tokens, grid):
            _spread_token_layers(model, values, _square_grid(tokens), grid)
    return values


def _adapt_positions(model: keras.Model, values: Values, grid: Grid, position: Position) -> None:
    """Interpolate the position table for another grid, or leave it out, in place."""
    class_tokens = sum(isinstance(layer, ClassToken) for layer in model.layers)
    tokens = values[_POSITION_TABLE].shape[1] - class_tokens
    if not _has_other_grid(tokens, grid):
        return
    table = values.pop(_POSITION_TABLE)
    is_learned = any(isinstance(layer, LearnedPosition) for layer in model.layers)
    if is_learned and position == "computed":
        raise ValueError("its position table is learned; position must be 'interpolate'.")
    if position == "interpolate":
        values[_POSITION_TABLE] = interpolate_positions(
            table, _square_grid(tokens), grid, class_tokens, antialias=is_learned
        )


def _adapt_channels(kernel: np.ndarray, channels: int) -> np.ndarray:
    """Sum a patch embedding's kernel (p, p, 3, C) to one channel or repeat it for more.

    This is what timm does.
    """
    received = kernel.shape[2]
    if channels == received:
        return kernel
    if channels == 1:
        return kernel.sum(axis=2, keepdims=True)
    return kernel[:, :, np.arange(channels) % received] * (received / channels)


def _spread_token_layers(
    model: keras.Model, values: Values, old_grid: Grid, new_grid: Grid
) -> None:
    """Spread what mixes tokens over a larger grid, in place."""
    patch_size = next(layer.patch_size for layer in model.layers if isinstance(layer, PatchEmbed))
    scale_factors(old_grid, new_grid, patch_size)  # Its error gives sizes in pixels.
    for block in {path.split("/")[0] for path in values if "/token_mlp/" in path}:
        paths = [f"{block}/token_mlp/{name}" for name in _TOKEN_MLP]
        kernel_0, bias_0, kernel_1, bias_1 = (values[path] for path in paths)
        spread = spread_token_mlp(kernel_0, bias_0, kernel_1, bias_1, old_grid, new_grid)
        values.update(zip(paths, spread, strict=True))
    for kernel in [path for path in values if path.endswith(_TOKEN_DENSE)]:
        bias = kernel.removesuffix("kernel") + "bias"
        values[kernel], values[bias] = spread_token_dense(
            values[kernel], values[bias], old_grid, new_grid
        )


def _has_other_grid(tokens: int, grid: Grid) -> bool:
    """Tell whether a checkpoint for that many patches has another grid than the model's.

    Checkpoints are taken to be for square images. Only one with as many patches as the model, and
    not a square number of them, is taken to have the model's grid.
    """
    if tokens == math.prod(grid) and math.isqrt(tokens) ** 2 != tokens:
        return False
    return _square_grid(tokens) != grid


def _square_grid(tokens: int) -> Grid:
    side = math.isqrt(tokens)
    if side * side != tokens:
        raise ValueError(
            f"The checkpoint is for {tokens} patches; only a checkpoint for square images can be "
            "adapted to another size."
        )
    return side, side
