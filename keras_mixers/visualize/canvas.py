"""What all figures share: their frame, tiles of small maps, and the colours."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure, FigureBase

RIGHT, WRONG, FRAME, GAP = "#1a1a1a", "#c62828", "#757575", "#e0e0e0"
# Orange above zero and purple below, which colour-blind people tell apart.
SIGNED = "PuOr_r"
_BLOCKS_IN_A_ROW = 4
_BLOCK_WIDTH = 2.6  # inches


def new_figure(width: float, height: float, dpi: float | None = None) -> Figure:
    """Return an empty figure, `width` and `height` in inches.

    Raises:
        ImportError: If matplotlib is not installed.
    """
    try:
        from matplotlib.figure import Figure
    except ModuleNotFoundError as error:
        raise ImportError(
            f"Pictures need the package {error.name!r}, which is not installed: "
            "pip install 'keras-mixers[visualization]'."
        ) from None
    return Figure(figsize=(width, height), layout="constrained", dpi=dpi)


def image_axes(figure: FigureBase, count: int, columns: int) -> list[Axes]:
    """Add `count` axes to a figure, in rows of `columns`."""
    grid = figure.add_gridspec(math.ceil(count / columns), columns)
    return [figure.add_subplot(grid[i // columns, i % columns]) for i in range(count)]


def frame(axes: Axes, color: str = FRAME, width: float = 0.5) -> None:
    """Give an image a thin frame instead of ticks."""
    axes.set(xticks=[], yticks=[])
    for spine in axes.spines.values():
        spine.set(color=color, linewidth=width)


def mosaic(maps: np.ndarray, columns: int) -> np.ndarray:
    """Lay maps (N, rows, columns) side by side, with NaN between them.

    >>> mosaic(np.array([[[1.0]], [[2.0]], [[3.0]]]), columns=2)
    array([[ 1., nan,  2.],
           [nan, nan, nan],
           [ 3., nan, nan]])
    """
    count, height, width = maps.shape
    rows = math.ceil(count / columns)
    tiles = np.full((rows * columns, height + 1, width + 1), np.nan)
    tiles[:count, :-1, :-1] = maps
    tiles = tiles.reshape(rows, columns, height + 1, width + 1).transpose(0, 2, 1, 3)
    return tiles.reshape(rows * (height + 1), columns * (width + 1))[:-1, :-1]


def to_signed(maps: np.ndarray) -> np.ndarray:
    """Scale each of the maps (N, rows, columns) to [-1, 1], with zero at zero.

    >>> to_signed(np.array([[[1.0, -2.0]], [[0.0, 0.0]]])).tolist()
    [[[0.5, -1.0]], [[0.0, 0.0]]]
    """
    largest = np.abs(maps).max(axis=(1, 2), keepdims=True)
    return maps / np.where(largest > 0, largest, 1)


def spread(count: int, most: int) -> list[int]:
    """Return at most `most` of the numbers below `count`, evenly spread, first and last included.

    >>> spread(3, 8), spread(9, 3)
    ([0, 1, 2], [0, 4, 8])
    """
    return sorted({round(i) for i in np.linspace(0, count - 1, min(count, most)).tolist()})


def blocks_figure(title: str, mosaics: Sequence[tuple[str, np.ndarray]]) -> Figure:
    """Draw one picture of signed tiles a block, each with its name.

    Args:
        title: Title of the figure.
        mosaics: Name and values in [-1, 1] of each block, as `mosaic` returns them.
    """
    columns = min(len(mosaics), _BLOCKS_IN_A_ROW)
    rows = math.ceil(len(mosaics) / columns)
    tallest = max(values.shape[0] / values.shape[1] for _, values in mosaics)
    height = rows * (_BLOCK_WIDTH * tallest + 0.3) + 0.6
    # The title of a lone block must fit, too.
    figure = new_figure(max(_BLOCK_WIDTH * columns, 4.5), height, dpi=150)
    figure.suptitle(title, fontsize=11)
    for axes, (name, values) in zip(
        image_axes(figure, len(mosaics), columns), mosaics, strict=True
    ):
        axes.set_facecolor(GAP)  # Zero is white.
        axes.imshow(values, cmap=SIGNED, vmin=-1, vmax=1, interpolation="nearest")
        axes.set_title(name, fontsize=9, pad=3)
        frame(axes)
    return figure
