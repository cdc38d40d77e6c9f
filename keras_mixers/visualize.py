"""Figures: what a model says of images, and what it has learned. Needs matplotlib."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import keras
import numpy as np

from keras_mixers.layers import PatchEmbed

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure, FigureBase

RIGHT, WRONG, FRAME = "#1a1a1a", "#c62828", "#757575"
_CELL = 0.6  # inches, the side of a filter


def prediction_sheet(
    images: np.ndarray,
    probabilities: np.ndarray,
    labels: np.ndarray,
    names: Sequence[str],
    columns: int = 10,
) -> Figure:
    """Draw images in a grid, each with the predicted class and its probability.

    A wrong prediction is red, with the right class behind it.

    Args:
        images: (B, H, W, 1) or (B, H, W, 3), pixels in [0, 255].
        probabilities: (B, classes).
        labels: (B,), the right classes.
        names: of the classes.
        columns: of the grid.

    Raises:
        ValueError: if the numbers of images, predictions and labels differ, or those of classes
            and names.

    Example:

    >>> images = np.zeros((3, 8, 8, 1))
    >>> figure = prediction_sheet(images, np.eye(3), np.array([0, 1, 1]), ["a", "b", "c"])
    >>> [axes.get_title() for axes in figure.axes]
    ['a  100 %', 'b  100 %', 'c, not b  100 %']
    """
    from matplotlib.figure import Figure

    rows = math.ceil(len(images) / columns)
    figure = Figure(figsize=(1.0 * columns, 1.1 * rows), layout="constrained")
    _draw_predictions(figure, images, probabilities, labels, names, columns)
    return figure


def patch_filters(model: keras.Model, columns: int = 16) -> Figure:
    """Draw the filters of a model's patch embedding in a grid.

    Each is scaled to its own range, around zero: of one channel, weights above zero are orange,
    those below are purple; of three channels, zero is grey.

    Args:
        model: with a patch embedding of images with 1 or 3 channels: a ConvMixer or an MLP-Mixer.
        columns: of the grid.

    Raises:
        ValueError: if there is no such patch embedding.

    Example:

    >>> import keras_mixers
    >>> figure = patch_filters(keras_mixers.ConvMixer(32, 1, patch_size=7))
    >>> len(figure.axes)
    32
    """
    from matplotlib.figure import Figure

    filters = _filters(model)
    rows = math.ceil(len(filters) / columns)
    figure = Figure(figsize=(_CELL * columns, _CELL * rows), layout="constrained")
    _draw_filters(figure, filters, columns)
    return figure


def save_overview(
    path: str | Path,
    model: keras.Model,
    images: np.ndarray,
    probabilities: np.ndarray,
    labels: np.ndarray,
    names: Sequence[str],
    title: str,
) -> None:
    """Write one picture of a model's predictions and its patch filters, side by side.

    Args:
        path: the file; its ending says the format, such as `.png`.
        model: see `patch_filters`.
        images: see `prediction_sheet`.
        probabilities: (B, classes).
        labels: (B,), the right classes.
        names: of the classes.
        title: above the images.

    Raises:
        ValueError: see `prediction_sheet` and `patch_filters`.
    """
    from matplotlib.figure import Figure

    filters = _filters(model)
    figure = Figure(figsize=(12, 6.4), layout="constrained", dpi=150)
    grid = figure.add_gridspec(1, 2, width_ratios=(5.2, 1))
    left, right = (figure.add_subfigure(grid[i]) for i in range(2))
    left.suptitle(title, fontsize=12)
    _draw_predictions(left, images, probabilities, labels, names, columns=10)
    right.suptitle(f"{len(filters)} patch filters", fontsize=12)
    _draw_filters(right, filters, columns=4)
    figure.savefig(path)


def _draw_predictions(
    figure: FigureBase,
    images: np.ndarray,
    probabilities: np.ndarray,
    labels: np.ndarray,
    names: Sequence[str],
    columns: int,
) -> None:
    if not len(images) == len(probabilities) == len(labels) > 0:
        raise ValueError(
            "As many images as predictions and labels are expected, one at least; received "
            f"{len(images)} images, {len(probabilities)} predictions and {len(labels)} labels."
        )
    if probabilities.shape[1] != len(names):
        raise ValueError(
            f"Received {len(names)} names for predictions of {probabilities.shape[1]} classes."
        )
    for axes, image, scores, label in zip(
        _grid(figure, len(images), columns), images, probabilities, labels, strict=True
    ):
        best = int(scores.argmax())
        said = names[best] if best == label else f"{names[best]}, not {names[label]}"
        axes.imshow(image / 255, cmap="gray", vmin=0, vmax=1)
        axes.set_title(
            f"{said}  {100 * scores[best]:.0f} %",
            color=RIGHT if best == label else WRONG,
            fontsize=8,
            pad=3,
        )
        _frame(axes, FRAME if best == label else WRONG, 0.5 if best == label else 2.5)


def _filters(model: keras.Model) -> np.ndarray:
    """Return the patch embedding's filters (N, p, p, C)."""
    embeddings = [layer for layer in model.layers if isinstance(layer, PatchEmbed)]
    if not embeddings:
        raise ValueError(
            f"The model {model.name!r} has no PatchEmbed layer, whose filters could be drawn; "
            "ConvMixer and MLPMixer have one."
        )
    kernel = keras.ops.convert_to_numpy(embeddings[0].conv.kernel)
    if kernel.shape[2] not in (1, 3):
        raise ValueError(
            "Filters of 1 or 3 channels can be drawn as images; those of the model "
            f"{model.name!r} have {kernel.shape[2]}."
        )
    return kernel.transpose(3, 0, 1, 2)


def _draw_filters(figure: FigureBase, filters: np.ndarray, columns: int) -> None:
    for axes, weights in zip(_grid(figure, len(filters), columns), filters, strict=True):
        largest = max(float(np.abs(weights).max()), 1e-12)
        if weights.shape[-1] == 1:
            axes.imshow(weights, cmap="PuOr_r", vmin=-largest, vmax=largest)
        else:
            axes.imshow(0.5 + weights / (2 * largest))
        _frame(axes, FRAME, 0.5)


def _grid(figure: FigureBase, count: int, columns: int) -> list[Axes]:
    """Return `count` axes, in rows of `columns`."""
    grid = figure.add_gridspec(math.ceil(count / columns), columns)
    return [figure.add_subplot(grid[i // columns, i % columns]) for i in range(count)]


def _frame(axes: Axes, color: str, width: float) -> None:
    axes.set_xticks([])
    axes.set_yticks([])
    for spine in axes.spines.values():
        spine.set(color=color, linewidth=width)
