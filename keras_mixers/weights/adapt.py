"""Fits a checkpoint's weights to a model of other channels or another resolution."""

import math
from typing import Literal

import keras
import numpy as np

from keras_mixers.layers.patch_embed import PatchEmbed
from keras_mixers.layers.soft_split import SoftSplit
from keras_mixers.weights.resize import (
    Grid,
    interpolate_positions,
    scale_factors,
    spread_token_mlp,
)

Values = dict[str, np.ndarray]
Position = Literal["interpolate", "computed"]

_STEM = "patch_embed/conv/kernel"
_TABLE = "position/table"
_TOKEN_MLP = ("dense_0/kernel", "dense_0/bias", "dense_1/kernel", "dense_1/bias")


def fit(model: keras.Model, values: Values, position: Position) -> Values:
    """Return the values, by path of the weight, that fit the model's channels and grid of patches.

    What does not differ, or differs otherwise, is returned as it is.

    Args:
        model: a ConvMixer, an MLPMixer or a T2TViT.
        values: of a checkpoint for a square image, by the path of the weight.
        position: whether the position table of another grid is "interpolate"d from the
            checkpoint's, or the model's own, "computed" for its grid.

    Raises:
        ValueError: if an MLP-Mixer's grid is no multiple of the checkpoint's, or `position` is
            unknown.
    """
    if position not in ("interpolate", "computed"):
        raise ValueError(f"position must be 'interpolate' or 'computed'; received {position!r}.")
    values = dict(values)
    shapes = {weight.path: tuple(weight.shape) for weight in model.weights}
    if _STEM in values:
        values[_STEM] = _fit_channels(values[_STEM], shapes[_STEM][2])
    if _TABLE in values and _is_of_another_grid(values[_TABLE].shape[1] - 1, model):
        table = values.pop(_TABLE)
        if position == "interpolate":
            old = _square(table.shape[1] - 1)
            values[_TABLE] = interpolate_positions(table, old, _grid(model))
    if "block_0/token_mlp/dense_0/kernel" in values:
        _spread(model, values)
    return values


def _fit_channels(kernel: np.ndarray, channels: int) -> np.ndarray:
    """Sum a stem's kernel (p, p, 3, C) to one channel, or repeat it to more, as timm does."""
    received = kernel.shape[2]
    if channels == received:
        return kernel
    if channels == 1:
        return kernel.sum(axis=2, keepdims=True)
    return kernel[:, :, np.arange(channels) % received] * (received / channels)


def _spread(model: keras.Model, values: Values) -> None:
    """Spread the token MLPs over a larger grid, in place."""
    layer = next(layer for layer in model.layers if isinstance(layer, PatchEmbed))
    new, tokens = _grid(model), len(values["block_0/token_mlp/dense_1/bias"])
    if not _is_of_another_grid(tokens, model):
        return
    scale_factors(_square(tokens), new, layer.patch_size)  # Its error speaks of pixels.
    for block in {path.split("/")[0] for path in values if "/token_mlp/" in path}:
        paths = [f"{block}/token_mlp/{name}" for name in _TOKEN_MLP]
        kernel_0, bias_0, kernel_1, bias_1 = (values[path] for path in paths)
        spread = spread_token_mlp(kernel_0, bias_0, kernel_1, bias_1, _square(tokens), new)
        values.update(zip(paths, spread, strict=True))


def _is_of_another_grid(tokens: int, model: keras.Model) -> bool:
    """Tell whether a checkpoint of that many patches is not of the model's grid.

    Checkpoints are for square images; as many patches that make no square are the model's own.
    """
    if tokens == math.prod(_grid(model)) and math.isqrt(tokens) ** 2 != tokens:
        return False
    return _square(tokens) != _grid(model)


def _square(tokens: int) -> Grid:
    side = math.isqrt(tokens)
    if side * side != tokens:
        raise ValueError(
            f"The checkpoint is for {tokens} patches; only those of a square image can be fitted "
            "to another."
        )
    return side, side


def _grid(model: keras.Model) -> Grid:
    """Return rows and columns of the patches that the model cuts its image into."""
    cutters = [layer for layer in model.layers if isinstance(layer, PatchEmbed | SoftSplit)]
    return cutters[-1].grid(*cutters[-1].input.shape[1:3])
