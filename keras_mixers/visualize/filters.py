"""The filters that a network applies to patches of pixels first."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import keras
import numpy as np

from keras_mixers.layers import PatchEmbed, SoftSplit, TokenPerformer, TokenTransformer
from keras_mixers.visualize.canvas import SIGNED, frame, image_axes, new_figure
from keras_mixers.visualize.network import (
    NoPictureError,
    find_layers,
    largest_first,
    weights_of,
)

if TYPE_CHECKING:
    from matplotlib.figure import Figure, FigureBase

_FILTER_SIDE = 0.6  # inches


def first_filters(model: keras.Model) -> np.ndarray:
    """Return the filters (N, p, p, C) of a model's patches, the one with the largest norm first.

    Those of a T2T-ViT are what its first soft split's patches become values with: the weights of
    the values, times the scale of the normalisation before them.

    Args:
        model: A model with a `PatchEmbed`, or a `SoftSplit` and then a `TokenPerformer` or
            `TokenTransformer`, also inside models in it.

    Raises:
        NoPictureError: If the model has neither.

    >>> import keras_mixers
    >>> first_filters(keras_mixers.ConvMixer(32, 1, patch_size=7)).shape
    (32, 7, 7, 3)
    """
    return largest_first(_read_filters(model))


def patch_filters(model: keras.Model, columns: int = 16, most: int | None = None) -> Figure:
    """Draw the filters of a model's patches in a grid, the one with the largest norm first.

    Each filter is scaled to its own range, symmetric around zero. With three channels, zero is
    grey. Otherwise weights above zero are orange and those below are purple, and several channels
    are side by side.

    Args:
        model: See `first_filters`.
        columns: Number of filters in a row.
        most: Number of filters to draw, by default all of them.

    Raises:
        NoPictureError: If the model has no such filters.
        ImportError: If matplotlib is not installed.

    >>> import keras_mixers
    >>> figure = patch_filters(keras_mixers.ConvMixer(32, 1, patch_size=7), most=20)
    >>> len(figure.axes)
    20
    """
    found = first_filters(model)
    filters = found[:most]
    height = _FILTER_SIDE * math.ceil(len(filters) / columns)
    if most is None:
        figure = new_figure(_FILTER_SIDE * columns, height)
    else:
        figure = new_figure(_FILTER_SIDE * columns, height + 0.5, dpi=120)
        figure.suptitle(f"{len(filters)} of {len(found)} patch filters, largest norm first")
    draw_filters(figure, filters, columns)
    return figure


def draw_filters(figure: FigureBase, filters: np.ndarray, columns: int) -> None:
    """Draw filters (N, p, p, C) in rows of `columns`."""
    for axes, weights in zip(image_axes(figure, len(filters), columns), filters, strict=True):
        largest = max(float(np.abs(weights).max()), 1e-12)
        if weights.shape[-1] == 3:
            axes.imshow(0.5 + weights / (2 * largest))
        else:
            side_by_side = np.concatenate(list(np.moveaxis(weights, -1, 0)), axis=1)
            axes.imshow(side_by_side, cmap=SIGNED, vmin=-largest, vmax=largest)
        frame(axes)


def _read_filters(model: keras.Model) -> np.ndarray:
    layers = find_layers(model, PatchEmbed, SoftSplit, TokenPerformer, TokenTransformer)
    first = next(iter(layers), None)
    if isinstance(first, PatchEmbed):
        return weights_of(first.conv.kernel).transpose(3, 0, 1, 2)
    if isinstance(first, SoftSplit) and len(layers) > 1:
        mixer, side = layers[1], first.kernel_size
        if isinstance(mixer, TokenPerformer | TokenTransformer):
            dense = mixer.kqv if isinstance(mixer, TokenPerformer) else mixer.qkv
            # The values are the last third in both orders.
            values = weights_of(dense.kernel)[:, -mixer.hidden_dim :]
            values = values * weights_of(mixer.attention_norm.gamma)[:, None]
            return values.T.reshape(mixer.hidden_dim, side, side, -1)
    raise NoPictureError(
        f"The model {model.name!r} has no PatchEmbed layer, nor a SoftSplit that a "
        "TokenPerformer or TokenTransformer follows, so it has no patch filters to draw."
    )
