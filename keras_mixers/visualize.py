"""Figures of a model's predictions and of what it has learned. Needs matplotlib."""

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
_FILTER_SIDE = 0.6  # inches


def prediction_sheet(
    images: np.ndarray,
    probabilities: np.ndarray,
    labels: np.ndarray,
    names: Sequence[str],
    columns: int = 10,
) -> Figure:
    """Draw images in a grid, each with the predicted class and its probability.

    A wrong prediction is red and is followed by the right class.

    Args:
        images: (B, H, W, 1) or (B, H, W, 3), pixels in [0, 255].
        probabilities: (B, classes).
        labels: (B,), the right classes.
        names: Names of the classes.
        columns: Number of images in a row.

    Raises:
        ValueError: If the numbers of images, predictions and labels differ, or there is not one
            name per class.
        ImportError: If matplotlib is not installed.

    Example:

    >>> images = np.zeros((3, 8, 8, 1))
    >>> figure = prediction_sheet(images, np.eye(3), np.array([0, 1, 1]), ["a", "b", "c"])
    >>> [axes.get_title() for axes in figure.axes]
    ['a  100 %', 'b  100 %', 'c, not b  100 %']
    """
    figure = new_figure(1.0 * columns, 1.1 * math.ceil(len(images) / columns))
    _draw_predictions(figure, images, probabilities, labels, names, columns)
    return figure


def patch_filters(model: keras.Model, columns: int = 16) -> Figure:
    """Draw the filters of a model's patch embedding in a grid.

    Each filter is scaled to its own range, symmetric around zero. With one channel, weights above
    zero are orange and those below are purple; with three channels, zero is grey.

    Args:
        model: A ConvMixer or an MLP-Mixer for images with 1 or 3 channels.
        columns: Number of filters in a row.

    Raises:
        ValueError: If the model has no such patch embedding.
        ImportError: If matplotlib is not installed.

    Example:

    >>> import keras_mixers
    >>> figure = patch_filters(keras_mixers.ConvMixer(32, 1, patch_size=7))
    >>> len(figure.axes)
    32
    """
    filters = _read_filters(model)
    figure = new_figure(_FILTER_SIDE * columns, _FILTER_SIDE * math.ceil(len(filters) / columns))
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
    """Save one picture with a model's predictions on the left and its patch filters on the right.

    Args:
        path: The file to write; its ending, such as `.png`, chooses the format.
        model: See `patch_filters`.
        images: See `prediction_sheet`.
        probabilities: (B, classes).
        labels: (B,), the right classes.
        names: Names of the classes.
        title: Title above the images.

    Raises:
        ValueError: See `prediction_sheet` and `patch_filters`.
        ImportError: If matplotlib is not installed.
    """
    filters = _read_filters(model)
    figure = new_figure(12, 6.4, dpi=150)
    grid = figure.add_gridspec(1, 2, width_ratios=(5.2, 1))
    left, right = (figure.add_subfigure(grid[i]) for i in range(2))
    left.suptitle(title, fontsize=12)
    _draw_predictions(left, images, probabilities, labels, names, columns=10)
    right.suptitle(f"{len(filters)} patch filters", fontsize=12)
    _draw_filters(right, filters, columns=4)
    figure.savefig(path)


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
            "There must be as many predictions and labels as images, and at least one; received "
            f"{len(images)} images, {len(probabilities)} predictions and {len(labels)} labels."
        )
    if probabilities.shape[1] != len(names):
        raise ValueError(
            f"There must be one name per class; received {len(names)} names for predictions of "
            f"{probabilities.shape[1]} classes."
        )
    for axes, image, scores, label in zip(
        image_axes(figure, len(images), columns), images, probabilities, labels, strict=True
    ):
        predicted = int(scores.argmax())
        right = predicted == label
        said = names[predicted] if right else f"{names[predicted]}, not {names[label]}"
        axes.imshow(image / 255, cmap="gray", vmin=0, vmax=1)
        axes.set_title(
            f"{said}  {100 * scores[predicted]:.0f} %",
            color=RIGHT if right else WRONG,
            fontsize=8,
            pad=3,
        )
        if right:
            frame(axes)
        else:
            frame(axes, WRONG, 2.5)


def _read_filters(model: keras.Model) -> np.ndarray:
    """Return the filters of the patch embedding, (N, p, p, C)."""
    embeddings = [layer for layer in model.layers if isinstance(layer, PatchEmbed)]
    if not embeddings:
        raise ValueError(
            f"The model {model.name!r} has no PatchEmbed layer with filters to draw; "
            "ConvMixer and MLPMixer have one."
        )
    kernel = keras.ops.convert_to_numpy(embeddings[0].conv.kernel)
    if kernel.shape[2] not in (1, 3):
        raise ValueError(
            "Only filters with 1 or 3 channels can be drawn as images; those of the model "
            f"{model.name!r} have {kernel.shape[2]}."
        )
    return kernel.transpose(3, 0, 1, 2)


def _draw_filters(figure: FigureBase, filters: np.ndarray, columns: int) -> None:
    for axes, weights in zip(image_axes(figure, len(filters), columns), filters, strict=True):
        largest = max(float(np.abs(weights).max()), 1e-12)
        if weights.shape[-1] == 1:
            axes.imshow(weights, cmap="PuOr_r", vmin=-largest, vmax=largest)
        else:
            axes.imshow(0.5 + weights / (2 * largest))
        frame(axes)
