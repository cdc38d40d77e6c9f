"""scikit-learn's scans of handwritten digits."""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from training.data.random_access import ArraySplit
from training.data.sources.hold_out import check_sides, first_of_every_five
from training.data.split import Data

NAMES = tuple("0123456789")


class Scan(NamedTuple):
    """An image (8, 8, 1), uint8, its label, and whether it is held out for validation."""

    image: np.ndarray
    label: int
    held_out: bool


def scans() -> Iterator[Scan]:
    """Yield the 1,797 scans in order; the first of every five scans of a digit is held out."""
    from sklearn.datasets import load_digits

    found = load_digits()
    held_out = first_of_every_five(found.target).tolist()
    for scan, label, held in zip(found.images, found.target.tolist(), held_out, strict=True):
        # Each pixel counts the inked dots in a block of 4 x 4: 0 to 16.
        image = np.rint(scan * (255 / 16)).astype("uint8")[..., np.newaxis]
        yield Scan(image, label, held)


def open_digits(min_side: int) -> Data:
    """Open the digits; the first of every five scans of a digit is held out for validation.

    Raises:
        DataError: if the images are smaller than `min_side`.
    """
    every = list(scans())

    def split(held_out: bool) -> ArraySplit:
        part = [scan for scan in every if scan.held_out == held_out]
        labels = np.array([scan.label for scan in part])
        return ArraySplit(np.stack([scan.image for scan in part]), labels, len(NAMES))

    data = Data("digits", NAMES, split(held_out=False), split(held_out=True))
    check_sides("digits", data.train.image_shape, min_side)
    return data
