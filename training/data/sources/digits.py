"""scikit-learn's scans of digits."""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from training.data.random_access import ArraySplit
from training.data.sources.hold_out import check_sides
from training.data.split import Data

NAMES = tuple("0123456789")
_HELD_OUT = 5  # One of so many scans of a digit is held out.


class Scan(NamedTuple):
    """A digit (8, 8, 1), uint8, what it is, and whether it is kept to measure with."""

    image: np.ndarray
    label: int
    held_out: bool


def scans() -> Iterator[Scan]:
    """Yield the 1,797 scans in their order; the first of every five of a digit is held out."""
    from sklearn.datasets import load_digits

    found = load_digits()
    seen = [0] * len(NAMES)
    for scan, label in zip(found.images, found.target.tolist(), strict=True):
        # A scan's pixels count the ink of 4 x 4 dots: 0 to 16.
        image = np.rint(scan * (255 / 16)).astype("uint8")[..., np.newaxis]
        yield Scan(image, label, seen[label] % _HELD_OUT == 0)
        seen[label] += 1


def open_digits(min_side: int) -> Data:
    """Return the digits; the first of every five scans of a digit is held out.

    Raises:
        DataError: if they are smaller than `min_side`.
    """
    every = list(scans())

    def split(held_out: bool) -> ArraySplit:
        part = [scan for scan in every if scan.held_out == held_out]
        labels = np.array([scan.label for scan in part])
        return ArraySplit(np.stack([scan.image for scan in part]), labels, len(NAMES))

    data = Data("digits", NAMES, split(held_out=False), split(held_out=True))
    check_sides("digits", data.train.image_shape, min_side)
    return data
