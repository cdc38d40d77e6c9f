"""Images on which an export is compared with its model."""

import warnings
from collections.abc import Sequence
from pathlib import Path

import keras
import numpy as np
from PIL import Image

from keras_mixers.image_files import find_image_files
from keras_mixers.inference import image_shape, read_pixels
from keras_mixers.preprocessing import ImageError, resize_and_crop


def comparison_pixels(model: keras.Model, data: np.ndarray | str | Path | None) -> np.ndarray:
    """Return pixels (B, H, W, C), uint8, in the size of a model's input, or 224 if it takes any.

    Args:
        model: A model for pixels in [0, 255].
        data: A folder of images, read as by `keras-mixers predict`, or an array of pixels. By
            default, eight crops of two photographs that come with scikit-learn.

    Raises:
        FileNotFoundError: If there is no such folder, or no image in it.
        ValueError: If no image can be read, or the pixels don't fit the model.

    >>> import keras_mixers
    >>> comparison_pixels(keras_mixers.ConvMixer(8, 1, input_shape=(32, 32, 3)), None).shape
    (8, 32, 32, 3)
    """
    height, width, channels = image_shape(model)
    if data is None:
        return _crop_photographs(height, width, channels)
    if isinstance(data, np.ndarray):
        return _check_array(data, model)
    folder = Path(data)
    if not folder.is_dir():
        raise FileNotFoundError(f"There is no folder of images {str(folder)!r}.")
    return read_images(find_image_files(folder), model, (height, width, channels))


def read_images(
    paths: Sequence[Path], model: keras.Model, shape: tuple[int, int, int]
) -> np.ndarray:
    """Return the pixels (B, H, W, C) of images, without those that can't be read.

    A warning says how many those are, and names the first.

    Raises:
        ImageError: If none can be read.
    """
    images, faults = [], []
    for path in paths:
        try:
            images.append(read_pixels(path, model, shape))
        except (ImageError, FileNotFoundError) as error:  # The latter: a link to nothing.
            faults.append(str(error))
    if not images:
        raise ImageError(f"None of {len(faults)} images can be read: {faults[0]}")
    if faults:
        left_out = f"{len(faults)} of {len(paths)} images are left out"
        warnings.warn(f"{left_out}: {faults[0]}", stacklevel=2)
    return np.stack(images)


def check_pixels(what: str, images: np.ndarray) -> None:
    """Raise ValueError unless images hold pixels in [0, 255]; the error calls them `what`."""
    if not np.all((images >= 0) & (images <= 255)):
        raise ValueError(
            f"{what} must hold pixels in [0, 255]; received {images.min():.3g} to "
            f"{images.max():.3g}."
        )


def _check_array(pixels: np.ndarray, model: keras.Model) -> np.ndarray:
    expected = model.inputs[0].shape
    fits = pixels.ndim == 4 and all(
        known in (None, size) for known, size in zip(expected, pixels.shape, strict=True)
    )
    if not fits or len(pixels) == 0:
        raise ValueError(f"The images must have shape {expected}; received {pixels.shape}.")
    check_pixels("The images", pixels)
    return pixels.astype("uint8")


def _crop_photographs(height: int, width: int, channels: int) -> np.ndarray:
    from sklearn.datasets import load_sample_images

    side = 320
    parts = []
    for photograph in load_sample_images().images:
        bottom, right = (size - side for size in photograph.shape[:2])
        for top, left in ((0, 0), (0, right), (bottom, 0), (bottom, right)):
            part = Image.fromarray(photograph[top : top + side, left : left + side])
            if channels == 1:
                part = part.convert("L")
            parts.append(resize_and_crop(part, (height, width)))
    # Models for other numbers of channels get the colour channels in turn.
    return np.stack(parts)[..., [i % parts[0].shape[-1] for i in range(channels)]]
