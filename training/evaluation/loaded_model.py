"""A model loaded for evaluation, and the images that it is evaluated on."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import tensorflow as tf

from keras_mixers.catalogue.preprocessing import Interpolation
from keras_mixers.inference import DEFAULT_SIZE
from keras_mixers.preprocessing import load_pixels
from training.data import Data, Split, evaluation_batches
from training.data.sources import open_data_with_channels

PredictBatch = Callable[[np.ndarray], np.ndarray]


@dataclass(frozen=True)
class LoadedModel:
    """A saved model of any format, loaded.

    Attributes:
        path: the file or folder that it was loaded from.
        input_shape: (height, width, channels); None for a height or width means any.
        scores: maps pixels (B, H, W, C), uint8, to class scores (B, classes), float32; None if the
            model has no classes.
        features: maps the same pixels to the features (B, features) that the model's head takes;
            None if the model doesn't offer them.
        probabilities: maps the same pixels to the classes' probabilities (B, classes); None if the
            model has no classes.
        classes: number of classes; None if the model has none.
        labels: class names; None if they are unknown.
        crop: side of the central crop, as a share of the resized image's shorter side.
        interpolation: filter of the resize.
    """

    path: Path
    input_shape: tuple[int | None, int | None, int]
    scores: PredictBatch | None
    features: PredictBatch | None
    probabilities: PredictBatch | None
    classes: int | None
    labels: list[str] | None
    crop: float = 1.0
    interpolation: Interpolation = "bicubic"

    def image_size(self, size: int | None = None) -> tuple[int, int]:
        """Return the height and width of the images that the model is evaluated on.

        Args:
            size: height and width, for a model that takes any size; None: 224.

        Raises:
            ValueError: if `size` is given, but the model takes images of one size only.
        """
        height, width, _ = self.input_shape
        if size is not None and None not in (height, width):
            raise ValueError(
                f"{self.path} takes images of {height} x {width} only; leave the size out."
            )
        size = DEFAULT_SIZE if size is None else size
        return height or size, width or size

    def read_pixels(self, path: str | Path, size: int | None = None) -> np.ndarray:
        """Return the pixels (H, W, C), uint8, of an image file, resized and cropped for the model.

        Raises:
            FileNotFoundError: if there is no such file.
            ImageError: if it can't be read or resized; the message names it.
        """
        shape = (*self.image_size(size), self.input_shape[2])
        return load_pixels(path, shape, self.crop, self.interpolation)

    def open_data(self, address: str, data_dir: str | Path | None = None) -> Data:
        """Open a data set whose images have the model's number of channels.

        Raises:
            DataError: if the data can't be opened, or their images have another number of channels.
        """
        return open_data_with_channels(address, self.input_shape[2], data_dir)

    def batches(self, split: Split, batch_size: int, size: int | None = None) -> tf.data.Dataset:
        """Return batches (images, labels) of a split, resized and cropped for the model."""
        return evaluation_batches(
            split, batch_size, self.image_size(size), self.crop, self.interpolation
        )


def no_classes(model: LoadedModel) -> str:
    """Return the error for a model that has no classes."""
    return f"{model.path} gives features, not class scores; expected a model with classes."
