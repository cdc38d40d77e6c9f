"""A trained model that was loaded, and the images that it is measured with."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import tensorflow as tf

from keras_mixers.inference import DEFAULT_SIZE
from training.data import Data, DataError, Split, evaluation_batches, open_data

Run = Callable[[np.ndarray], np.ndarray]


@dataclass(frozen=True)
class Cut:
    """How images are cut out; as they stand here, the whole of the shorter side is seen.

    Attributes:
        crop: side of the central crop, as a share of the resized image's shorter side.
        interpolation: filter of the resize.
    """

    crop: float = 1.0
    interpolation: Literal["bicubic", "bilinear"] = "bicubic"


@dataclass(frozen=True)
class LoadedModel:
    """A model that was loaded, of whatever kind it is.

    Attributes:
        path: what was loaded.
        input_shape: (height, width, channels); None for a height or width means any.
        scores: from pixels (B, H, W, C), uint8, to class scores (B, classes), float32; None: the
            model has no classes.
        features: from the same to what the model's head sees (B, features); None: not to be had.
        classes: how many; None: the model has none.
        labels: their names; None: not known.
        cut: how images are cut for it.
    """

    path: Path
    input_shape: tuple[int | None, int | None, int]
    scores: Run | None
    features: Run | None
    classes: int | None
    labels: tuple[str, ...] | None
    cut: Cut

    def image_size(self, size: int | None = None) -> tuple[int, int]:
        """Return height and width of the images that the model is shown.

        Args:
            size: of both, where the model takes any; None: 224.

        Raises:
            ValueError: if there is a `size`, but the model takes one only.
        """
        height, width, _ = self.input_shape
        if size is not None and None not in (height, width):
            raise ValueError(
                f"{self.path} takes images of {height} x {width} only; leave the size out."
            )
        size = DEFAULT_SIZE if size is None else size
        return height or size, width or size

    def data(self, address: str, data_dir: str | Path | None = None) -> Data:
        """Open data whose images have as many channels as the model takes.

        Raises:
            DataError: if they can't be opened, or have other channels.
        """
        channels = self.input_shape[2]
        data = open_data(address, data_dir, channels=channels)
        found = data.validation.image_shape[2]
        if found != channels:
            raise DataError(
                f"{address}: images have {found} channels; expected {channels}, as {self.path} "
                "takes."
            )
        return data

    def batches(self, split: Split, batch_size: int, size: int | None = None) -> tf.data.Dataset:
        """Return batches (images, labels) of a split, cut for the model."""
        return evaluation_batches(
            split, batch_size, self.image_size(size), self.cut.crop, self.cut.interpolation
        )
