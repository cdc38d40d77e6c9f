"""Pictures of a training run: its curves, and what the network was shown. Needs matplotlib."""

from __future__ import annotations

import csv
import math
import textwrap
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from keras_mixers.atomic_files import write_atomically
from keras_mixers.visualize import frame, image_axes, new_figure

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

EPOCH, RATE = "epoch", "learning_rate"
# Title of a panel; columns of the log to train with and to measure with.
_PANELS = (("loss", "loss", "val_loss"), ("top-1", "top1", "val_top1"))
_TRAIN, _VALIDATION = "#757575", "#1565c0"
_MOST_IMAGES, _COLUMNS = 32, 8
_DPI = 120
_LONGEST_NAME = 16
_LEAST_SHARE = 0.005  # What rounds to 0 % is not named.


def save_curves(log: str | Path, path: str | Path, overwrite: bool = False) -> None:
    """Draw loss and top-1, to train and to measure with, and the learning rate of each epoch.

    Args:
        log: CSV with the columns `epoch`, `loss`, `top1`, `val_loss`, `val_top1` and
            `learning_rate`; an empty cell is left out.
        path: the picture; its ending says the format, such as `.png`.
        overwrite: whether `path` may exist.

    Raises:
        FileNotFoundError: if there is no such log, or no folder to write into.
        FileExistsError: if `path` exists and must stay.
        ValueError: if the log has no epoch, lacks a column, or a cell is no number.
        ImportError: if matplotlib is missing.

    >>> import tempfile
    >>> log = Path(tempfile.mkdtemp(), "log.csv")
    >>> _ = log.write_text(
    ...     "epoch,learning_rate,loss,top1,val_loss,val_top1\\n0,.1,2,.3,1.9,.4\\n1,.05,1,.7,1.1,.6"
    ... )
    >>> save_curves(log, log.with_suffix(".png"))
    >>> log.with_suffix(".png").read_bytes()[1:4]
    b'PNG'
    """
    log = Path(log)
    columns = _read(log)
    figure = new_figure(11, 3.4, _DPI)
    *panels, last = figure.subplots(1, len(_PANELS) + 1)
    for axes, (title, *names) in zip(panels, _PANELS, strict=True):
        for name, said, color in zip(
            names, ("training", "validation"), (_TRAIN, _VALIDATION), strict=True
        ):
            _draw(axes, columns[EPOCH], columns[name], said, color)
        axes.set_title(title)
        axes.legend(frameon=False)
    panels[1].yaxis.set_major_formatter(lambda share, _: f"{100 * share:g} %")
    _draw(last, columns[EPOCH], columns[RATE], "learning rate", _VALIDATION)
    last.set_title("learning rate")
    _save(figure, path, overwrite)


def save_samples(
    batches: Iterable[tuple[np.ndarray, np.ndarray]],
    class_names: Sequence[str],
    path: str | Path,
    overwrite: bool = False,
) -> None:
    """Draw up to 32 images of the first batch with their labels, as the network is shown them.

    What augmentation moved out of [0, 255] is clipped.

    Args:
        batches: of images (B, H, W, 1 or 3) in [0, 255], and labels (B, classes) that may be
            mixed, as `train_batches` returns them.
        class_names: in the order of the labels.
        path: the picture; its ending says the format, such as `.png`.
        overwrite: whether `path` may exist.

    Raises:
        FileNotFoundError: if there is no folder to write into.
        FileExistsError: if `path` exists and must stay.
        ValueError: if there is no batch, or there are not as many names as classes.
        ImportError: if matplotlib is missing.

    >>> import tempfile
    >>> from training.data import open_data, train_batches
    >>> digits = open_data("digits")
    >>> path = Path(tempfile.mkdtemp(), "samples.png")
    >>> save_samples(train_batches(digits.train, 32, seed=0), digits.class_names, path)
    >>> path.read_bytes()[1:4]
    b'PNG'
    """
    first = next(iter(batches), None)
    if first is None:
        raise ValueError("There is no batch of images to draw.")
    images, labels = (np.asarray(part)[:_MOST_IMAGES].astype("float32") for part in first)
    if labels.shape[1] != len(class_names):
        raise ValueError(
            f"Received {len(class_names)} names for labels of {labels.shape[1]} classes."
        )
    columns = min(len(images), _COLUMNS)
    rows = math.ceil(len(images) / columns)
    figure = new_figure(1.5 * columns, 1.85 * rows, _DPI)
    grid = image_axes(figure, len(images), columns)
    for axes, image, shares in zip(grid, images, labels, strict=True):
        axes.imshow(np.clip(image, 0, 255) / 255, cmap="gray", vmin=0, vmax=1)
        axes.set_title(_label(shares, class_names), fontsize=7, pad=3, parse_math=False)
        frame(axes)
    _save(figure, path, overwrite)


def _read(log: Path) -> dict[str, np.ndarray]:
    """Return the columns to draw; empty cells are NaN."""
    if not log.is_file():
        raise FileNotFoundError(f"There is no log {str(log)!r}.")
    with log.open(newline="", encoding="utf-8") as file:
        reader = csv.DictReader(file)
        rows, found = list(reader), reader.fieldnames or ()
    wanted = [EPOCH, RATE, *(name for _, *names in _PANELS for name in names)]
    missing = [name for name in wanted if name not in found]
    if missing:
        raise ValueError(f"{log} has no column {missing[0]!r}; expected {', '.join(wanted)}.")
    if not rows:
        raise ValueError(f"{log} has no epoch.")
    try:
        return {name: np.array([float(row[name] or "nan") for row in rows]) for name in wanted}
    except ValueError as error:
        raise ValueError(f"{log} holds what is no number ({error}).") from None


def _draw(axes: Axes, epochs: np.ndarray, values: np.ndarray, said: str, color: str) -> None:
    from matplotlib.ticker import MaxNLocator

    there = np.isfinite(values)
    # A lone epoch has no line; many points would hide theirs.
    marker = "o" if there.sum() <= 30 else ""
    axes.plot(
        epochs[there], values[there], color=color, label=said, marker=marker, markersize=3, lw=1.5
    )
    axes.set_xlabel("epoch")
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.grid(alpha=0.25)
    axes.spines[["top", "right"]].set_visible(False)


def _label(shares: np.ndarray, names: Sequence[str]) -> str:
    """Return the largest two shares of a label and their classes, one a line."""
    parts = [(names[i], shares[i]) for i in np.argsort(-shares)[:2] if shares[i] >= _LEAST_SHARE]
    short = [
        (textwrap.shorten(name, _LONGEST_NAME, placeholder="…") or name[:_LONGEST_NAME], share)
        for name, share in parts
    ]
    if len(short) == 1:
        return short[0][0]
    return "\n".join(f"{name} {100 * share:.0f} %" for name, share in short)


def _save(figure: Figure, path: str | Path, overwrite: bool) -> None:
    with write_atomically(Path(path), overwrite) as place:
        figure.savefig(place)
