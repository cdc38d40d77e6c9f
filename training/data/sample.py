"""Samples of training images, to calibrate quantised files with."""

from typing import Literal

import numpy as np

from keras_mixers.preprocessing import resize_and_crop
from training.data.sources import open_data_with_channels


def sample_images(
    address: str,
    shape: tuple[int, int, int],
    crop: float = 1.0,
    interpolation: Literal["bicubic", "bilinear"] = "bicubic",
    most: int = 500,
) -> np.ndarray:
    """Return evenly spaced training images (N, H, W, C), uint8, of a data set.

    They are resized and cropped as for evaluation.

    Args:
        address: address of the data, as `open_data` takes it.
        shape: (H, W, C) of the images.
        crop: side of the central crop, as a share of the resized image's shorter side.
        interpolation: filter of the resize.
        most: maximum number of images.

    Raises:
        DataError: if the data can't be found or read, or have another number of channels.
        ImportError: if a package that is needed to read the data is missing.

    >>> sample_images("digits", (32, 32, 1)).shape
    (500, 32, 32, 1)
    """
    split = open_data_with_channels(address, shape[2]).train
    # Evenly over all of it, to the end: stored data may be sorted by class.
    drawn = split.references(None).enumerate().filter(lambda i, _: i * most % split.size < most)
    images = (split.open(split.stored(split.fetch(reference)).numpy()) for _, reference in drawn)
    return np.stack([resize_and_crop(image, shape[:2], crop, interpolation) for image in images])
