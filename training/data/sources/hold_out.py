"""Which examples are held out, and whether arrays of images are good to train with."""

from collections.abc import Sequence
from hashlib import sha256

import numpy as np

from training.errors import DataError


def held_out_of(names: Sequence[str], labels: np.ndarray, share: float) -> np.ndarray:
    """Return which examples to hold out: the same share of each class, chosen by their names.

    A name keeps its place whatever other names there are, but for those next to the border.

    Args:
        names: one an example.
        labels: (B,).
        share: of each class, rounded; at least one example, and never the last one.

    Returns:
        (B,), bool.
    """
    rank = np.array(
        [sha256(name.encode(errors="surrogateescape")).digest() for name in names], "S32"
    )
    held_out = np.zeros(len(names), bool)
    for label in np.unique(labels):
        members = np.flatnonzero(labels == label)
        count = min(max(round(share * len(members)), 1), len(members) - 1)
        held_out[members[np.argsort(rank[members], kind="stable")[:count]]] = True
    return held_out


def check_sides(what: str, shape: tuple[int | None, int | None, int], min_side: int) -> None:
    """Raise DataError if images of one size are smaller than needed."""
    height, width, _ = shape
    if height is not None and width is not None and min(height, width) < min_side:
        raise DataError(
            f"{what}: images are {width} x {height} pixels; expected sides of at least {min_side}."
        )
