"""A few training images, to calibrate a quantised file with."""

from typing import Literal

import numpy as np

from keras_mixers.preprocessing import resize_and_crop
from training.data.sources import open_data
from training.errors import DataError


def sample_images(
    address: str,
    shape: tuple[int, int, int],
    crop: float = 1.0,
    interpolation: Literal["bicubic", "bilinear"] = "bicubic",
    most: int = 100,
) -> np.ndarray:
    """Return training images (N, H, W, C), uint8, drawn evenly from a data set.

    They are resized and cropped as for evaluation.

    Args:
        address: of the data, as `open_data` takes it.
        shape: (H, W, C) of the images.
        crop: side of the central crop, as a share of the resized image's shorter side.
        interpolation: filter of the resize.
        most: number of images, if there are as many.

    Raises:
        DataError: if the data can't be found or read, or have another number of channels.
        ImportError: if a package that opens the data is missing.

    >>> sample_images("digits", (32, 32, 1)).shape
    (100, 32, 32, 1)
    """
    split = open_data(address, channels=shape[2]).train
    if split.image_shape[2] != shape[2]:
        raise DataError(
            f"{address} has images of {split.image_shape[2]} channels; expected {shape[2]}."
        )
    chosen = split.references(None).shard(max(split.size // most, 1), 0).take(most)
    images = (split.open(split.stored(split.fetch(reference)).numpy()) for reference in chosen)
    return np.stack([resize_and_crop(image, shape[:2], crop, interpolation) for image in images])
