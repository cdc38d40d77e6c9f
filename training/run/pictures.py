"""Pictures of a training run: its curves, and a sheet of training images. Needs matplotlib."""

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
# Title of each panel, and the log's columns for training and validation.
_PANELS = (("loss", "loss", "val_loss"), ("top-1", "top1", "val_top1"))
_TRAIN, _VALIDATION = "#757575", "#1565c0"
_MAX_IMAGES, _COLUMNS = 32, 8
_DPI = 120
_MAX_NAME_LENGTH = 16
_MIN_SHARE = 0.005  # Classes whose share rounds to 0 % aren't named.


def save_curves(log: str | Path, path: str | Path, overwrite: bool = False) -> None:
    """Draw training and validation loss and top-1, and the learning rate, by epoch.

    Args:
        log: CSV file with the columns `epoch`, `loss`, `top1`, `val_loss`, `val_top1` and
            `learning_rate`; empty cells are skipped.
        path: path of the picture; its suffix, such as `.png`, determines the format.
        overwrite: whether `path` may exist.

    Raises:
        FileNotFoundError: if there is no such log, or the picture's folder doesn't exist.
        FileExistsError: if `path` exists and `overwrite` is False.
        ValueError: if the log has no rows or lacks a column, or a cell isn't a number.
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
        for name, label, color in zip(
            names, ("training", "validation"), (_TRAIN, _VALIDATION), strict=True
        ):
            _draw(axes, columns[EPOCH], columns[name], label, color)
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
    """Draw up to 32 images of the first batch with their labels, as the network receives them.

    Pixels that augmentation moved outside [0, 255] are clipped.

    Args:
        batches: batches of images (B, H, W, 1 or 3) in [0, 255], and labels (B, classes), which
            may be mixed, as `train_batches` returns them.
        class_names: names of the classes, in the order of the labels.
        path: path of the picture; its suffix, such as `.png`, determines the format.
        overwrite: whether `path` may exist.

    Raises:
        FileNotFoundError: if the picture's folder doesn't exist.
        FileExistsError: if `path` exists and `overwrite` is False.
        ValueError: if there is no batch, or the numbers of names and classes differ.
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
    images, labels = (np.asarray(part)[:_MAX_IMAGES].astype("float32") for part in first)
    if labels.shape[1] != len(class_names):
        raise ValueError(
            f"class_names must hold {labels.shape[1]} names, as many as the labels have classes; "
            f"received {len(class_names)}."
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
    """Return the log's columns that are drawn, with NaN for empty cells."""
    if not log.is_file():
        raise FileNotFoundError(f"There is no log {str(log)!r}.")
    try:
        with log.open(newline="", encoding="utf-8") as file:
            reader = csv.DictReader(file)
            rows, found = list(reader), reader.fieldnames or ()
    except (UnicodeDecodeError, csv.Error) as error:
        raise ValueError(f"{log} is not a log ({error}).") from None
    wanted = [EPOCH, RATE, *(name for _, *names in _PANELS for name in names)]
    missing = [name for name in wanted if name not in found]
    if missing:
        raise ValueError(f"{log} has no column {missing[0]!r}; expected {', '.join(wanted)}.")
    if not rows:
        raise ValueError(f"{log} has no rows; expected one for each epoch.")
    try:
        return {name: np.array([float(row[name] or "nan") for row in rows]) for name in wanted}
    except ValueError as error:
        raise ValueError(f"{log} has a cell that isn't a number ({error}).") from None


def _draw(axes: Axes, epochs: np.ndarray, values: np.ndarray, label: str, color: str) -> None:
    from matplotlib.ticker import MaxNLocator

    is_known = np.isfinite(values)
    # Markers show a single epoch, which has no line; on a long run they would hide the line.
    marker = "o" if is_known.sum() <= 30 else ""
    axes.plot(
        epochs[is_known],
        values[is_known],
        color=color,
        label=label,
        marker=marker,
        markersize=3,
        lw=1.5,
    )
    axes.set_xlabel("epoch")
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.grid(alpha=0.25)
    axes.spines[["top", "right"]].set_visible(False)


def _label(shares: np.ndarray, names: Sequence[str]) -> str:
    """Return the names of a label's largest two classes, with their shares if there are two."""
    parts = [(names[i], shares[i]) for i in np.argsort(-shares)[:2] if shares[i] >= _MIN_SHARE]
    most = _MAX_NAME_LENGTH
    short = [
        (textwrap.shorten(name, most, placeholder="…") or name[:most], share)
        for name, share in parts
    ]
    if len(short) == 1:
        return short[0][0]
    return "\n".join(f"{name} {100 * share:.0f} %" for name, share in short)


def _save(figure: Figure, path: str | Path, overwrite: bool) -> None:
    with write_atomically(Path(path), overwrite) as place:
        figure.savefig(place)
