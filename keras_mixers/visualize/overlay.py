"""A map of an image's patches drawn over the image."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from keras_mixers.visualize.canvas import frame, new_figure

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_SIDE = 3.0  # inches


def overlay_figure(image: np.ndarray, values: np.ndarray, titles: tuple[str, str]) -> Figure:
    """Draw an image, and the image again under a map of its patches.

    Args:
        image: (H, W, C), pixels in [0, 255]; of other channels than 1 or 3, their mean is drawn.
        values: (rows, columns), from zero up.
        titles: Titles of both.

    Raises:
        ImportError: If matplotlib is not installed.

    >>> figure = overlay_figure(np.zeros((8, 8, 1)), np.eye(2), ("a cat", "why"))
    >>> [axes.get_title() for axes in figure.axes]
    ['a cat', 'why']
    """
    image = np.asarray(image)
    height, width = image.shape[:2]
    lines = max(title.count("\n") for title in titles) + 1
    figure = new_figure(2 * _SIDE, _SIDE * height / width + 0.2 * lines + 0.4, dpi=120)
    left, right = figure.subplots(1, 2)
    for axes, title in zip((left, right), titles, strict=True):
        draw_image(axes, image)
        axes.set_title(title, fontsize=9, pad=4, parse_math=False)
    edges = (-0.5, width - 0.5, height - 0.5, -0.5)
    right.imshow(values, cmap="inferno", alpha=0.6, extent=edges, interpolation="bilinear")
    return figure


def draw_image(axes: Axes, image: np.ndarray) -> None:
    """Draw an image (H, W, C) in a thin frame, in grey unless it has three channels."""
    pixels = np.clip(np.asarray(image, "float32") / 255, 0, 1)
    if pixels.shape[-1] != 3:
        pixels = pixels.mean(axis=-1)
    axes.imshow(pixels, cmap="gray", vmin=0, vmax=1, interpolation="nearest")
    frame(axes)
