"""Chooses held-out examples, and checks the size of images."""

from collections.abc import Sequence
from hashlib import sha256

import numpy as np

from training.errors import DataError

_HOLD_OUT_EVERY = 5


def choose_held_out(names: Sequence[str], labels: np.ndarray, share: float) -> np.ndarray:
    """Choose the examples to hold out for validation: the same share of each class.

    Examples are ranked by a hash of their names, so when examples are added or removed, the others
    stay where they were, except for a few at the boundary.

    Args:
        names: unique names of the N examples.
        labels: (N,).
        share: share of each class to hold out, rounded: at least one example, but never all.

    Returns:
        (N,), bool: which examples are held out.
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


def first_of_every_five(labels: np.ndarray) -> np.ndarray:
    """Choose the first of every five examples of a class, in the order in which they are stored.

    Args:
        labels: (N,).

    Returns:
        (N,), bool: which examples are held out.

    >>> first_of_every_five(np.array([1, 0, 0, 1])).tolist()
    [True, True, False, False]
    """
    held_out = np.zeros(len(labels), bool)
    for label in np.unique(labels):
        held_out[np.flatnonzero(labels == label)[::_HOLD_OUT_EVERY]] = True
    return held_out


def check_sides(what: str, shape: tuple[int | None, int | None, int], min_side: int) -> None:
    """Raise DataError if the images, all of one size, have a side shorter than `min_side`."""
    height, width, _ = shape
    if height is not None and width is not None and min(height, width) < min_side:
        raise DataError(
            f"{what}: images are {width} x {height} pixels; expected sides of at least {min_side}."
        )
