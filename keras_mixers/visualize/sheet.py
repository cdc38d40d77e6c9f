"""Figures put together: of several models side by side, and all on one contact sheet."""

from __future__ import annotations

import io
from collections.abc import Sequence
from typing import TYPE_CHECKING

from PIL import Image

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_GAP = 16  # pixels
_COLUMN = 900


def side_by_side(figures: Sequence[Figure]) -> Image.Image:
    """Return one picture of figures from left to right.

    Raises:
        ValueError: If there is none.

    >>> from keras_mixers.visualize import new_figure
    >>> side_by_side([new_figure(1, 1, dpi=50), new_figure(2, 3, dpi=50)]).size
    (186, 160)
    """
    pictures = [_to_picture(figure) for figure in figures]
    if not pictures:
        raise ValueError("There must be at least one figure; received none.")
    width = sum(picture.width for picture in pictures) + _GAP * (len(pictures) - 1)
    sheet = Image.new("RGB", (width, max(picture.height for picture in pictures)), "white")
    left = 0
    for picture in pictures:
        sheet.paste(picture, (left, 0))
        left += picture.width + _GAP
    return sheet


def contact_sheet(pictures: Sequence[Image.Image]) -> Image.Image:
    """Return one picture of all, in two columns unless there is only one, the wide ones smaller.

    Raises:
        ValueError: If there is none.

    >>> contact_sheet([Image.new("RGB", (1800, 200)), Image.new("RGB", (300, 50))]).size
    (1232, 100)
    """
    if not pictures:
        raise ValueError("There must be at least one picture; received none.")
    small = []
    for picture in pictures:
        width = min(picture.width, _COLUMN)
        small.append(picture.resize((width, max(1, picture.height * width // picture.width))))
    columns: list[list[Image.Image]] = [[] for _ in range(min(2, len(small)))]
    for picture in small:
        min(columns, key=_height).append(picture)
    widths = [max(picture.width for picture in column) for column in columns]
    size = (sum(widths) + 2 * _GAP * (len(columns) - 1), max(map(_height, columns)) - _GAP)
    sheet = Image.new("RGB", size, "white")
    for i, column in enumerate(columns):
        left, top = sum(widths[:i]) + 2 * _GAP * i, 0
        for picture in column:
            sheet.paste(picture, (left, top))
            top += picture.height + _GAP
    return sheet


def _height(column: list[Image.Image]) -> int:
    return sum(picture.height + _GAP for picture in column)


def _to_picture(figure: Figure) -> Image.Image:
    content = io.BytesIO()
    figure.savefig(content, format="png", bbox_inches="tight", pad_inches=0.1)
    with Image.open(content) as picture:
        return picture.convert("RGB")
