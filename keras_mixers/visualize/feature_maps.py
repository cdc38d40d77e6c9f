"""What a network makes of an image, block after block, and the channels that say nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import keras
import numpy as np

from keras_mixers.visualize.canvas import WRONG, frame, image_axes, mosaic, new_figure, spread
from keras_mixers.visualize.network import require_blocks, take_apart, to_maps

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

# Beside the median channel of a block: as flat as this is dead, as large as this is saturated.
_DEAD, _SATURATED = 0.01, 10.0
_MOST_BLOCKS, _MOST_CHANNELS = 8, 16


class Channels(NamedTuple):
    """Which channels of a block are of no use, as two arrays of booleans (C,)."""

    dead: np.ndarray
    saturated: np.ndarray


def feature_maps(model: keras.Model, images: np.ndarray) -> list[np.ndarray]:
    """Return the output of each block as maps, without class tokens.

    Args:
        model: A functional or sequential model with blocks of any family.
        images: (B, H, W, C), pixels as the model takes them.

    Returns:
        An array (B, rows, columns, C) for each block.

    Raises:
        NoPictureError: If the model has no blocks.
        ValueError: If the model doesn't take these images.

    Reference: Yuan et al., https://arxiv.org/abs/2101.11986, figure 2.

    >>> import keras_mixers
    >>> model = keras_mixers.MLPMixer(8, 2, input_shape=(32, 48, 3))
    >>> [maps.shape for maps in feature_maps(model, np.zeros((1, 32, 48, 3)))]
    [(1, 2, 3, 8), (1, 2, 3, 8)]
    """
    network = take_apart(model)
    blocks = require_blocks(network, "feature maps")
    found = network.compute([block.output for block in blocks], images)
    return [to_maps(block, values) for block, values in zip(blocks, found, strict=True)]


def useless_channels(maps: np.ndarray) -> Channels:
    """Find the channels that are the same everywhere, or far larger than the others.

    A channel is dead if its range over the positions is at most 1 % of that of the block's median
    channel, and saturated if its largest absolute value is at least ten times that of the median
    channel.

    Args:
        maps: (rows, columns, C), of one image.

    >>> maps = np.array([[[1.0, 5.0, 1.0, -99.0], [2.0, 5.0, 3.0, 0.0]]])
    >>> [channels.tolist() for channels in useless_channels(maps)]
    [[False, True, False, False], [False, False, False, True]]
    """
    values = maps.reshape(-1, maps.shape[-1]).astype("float32")
    ranges, sizes = np.ptp(values, axis=0), np.abs(values).max(axis=0)
    dead = ranges <= _DEAD * np.median(ranges)
    return Channels(dead, ~dead & (sizes >= _SATURATED * np.median(sizes)))


def feature_maps_figure(model: keras.Model, image: np.ndarray) -> Figure:
    """Draw 16 channels of up to eight blocks for an image, a row a block.

    Dead channels have a dashed red frame and saturated ones a solid one; the number of each is
    that of all channels.

    Args:
        model: See `feature_maps`.
        image: (H, W, C), pixels as the model takes them.

    Raises:
        NoPictureError: If the model has no blocks.
        ValueError: If the model doesn't take this image.
        ImportError: If matplotlib is not installed.

    >>> import keras_mixers
    >>> model = keras_mixers.ConvMixer(8, 2, input_shape=(32, 32, 3))
    >>> len(feature_maps_figure(model, np.zeros((32, 32, 3))).axes)
    2
    """
    maps = feature_maps(model, np.asarray(image)[None])
    shown = spread(len(maps), _MOST_BLOCKS)
    ratio = max(each.shape[1] / each.shape[2] for each in maps)
    figure = new_figure(9, 0.6 + len(shown) * (9 / _MOST_CHANNELS * ratio + 0.3), dpi=120)
    figure.suptitle("Feature maps: dead channels dashed red, saturated ones solid red", fontsize=11)
    for axes, i in zip(image_axes(figure, len(shown), 1), shown, strict=True):
        _draw_channels(axes, i, maps[i][0])
    return figure


def _draw_channels(axes: Axes, block: int, maps: np.ndarray) -> None:
    from matplotlib.patches import Rectangle

    states = useless_channels(maps)
    shown = spread(maps.shape[-1], _MOST_CHANNELS)
    tiles = maps[..., shown].transpose(2, 0, 1)
    least, range_ = tiles.min(axis=(1, 2), keepdims=True), np.ptp(tiles, axis=(1, 2), keepdims=True)
    tiles = (tiles - least) / np.where(range_ > 0, range_, 1)
    axes.imshow(mosaic(tiles, len(shown)), cmap="gray", vmin=0, vmax=1, interpolation="nearest")
    height, width = maps.shape[:2]
    for place, channel in enumerate(shown):
        for is_marked, style in ((states.dead, "--"), (states.saturated, "-")):
            if is_marked[channel]:
                corner = (place * (width + 1) - 0.5, -0.5)
                axes.add_patch(
                    Rectangle(corner, width, height, fill=False, ec=WRONG, lw=2, ls=style)
                )
    axes.set_title(
        f"block {block}: {states.dead.sum()} dead, {states.saturated.sum()} saturated of "
        f"{maps.shape[-1]}",
        fontsize=9,
        pad=3,
        loc="left",
    )
    frame(axes, width=0)
