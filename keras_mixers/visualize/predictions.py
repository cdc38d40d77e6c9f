"""Figures of a model's predictions."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import keras
import numpy as np

from keras_mixers.visualize.canvas import RIGHT, WRONG, frame, image_axes, new_figure
from keras_mixers.visualize.filters import draw_filters, first_filters

if TYPE_CHECKING:
    from matplotlib.figure import Figure, FigureBase


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
        model: See `first_filters`.
        images: See `prediction_sheet`.
        probabilities: (B, classes).
        labels: (B,), the right classes.
        names: Names of the classes.
        title: Title above the images.

    Raises:
        ValueError: See `prediction_sheet` and `first_filters`.
        ImportError: If matplotlib is not installed.
    """
    filters = first_filters(model)
    figure = new_figure(12, 6.4, dpi=150)
    grid = figure.add_gridspec(1, 2, width_ratios=(5.2, 1))
    left, right = (figure.add_subfigure(grid[i]) for i in range(2))
    left.suptitle(title, fontsize=12)
    _draw_predictions(left, images, probabilities, labels, names, columns=10)
    right.suptitle(f"{len(filters)} patch filters", fontsize=12)
    draw_filters(right, filters, columns=4)
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
