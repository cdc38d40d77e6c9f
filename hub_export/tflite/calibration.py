"""Images that show which numbers occur in a model, so that integers can be given their ranges."""

from pathlib import Path

import keras
import numpy as np

from hub_export.requirements import require_preprocessing_layer
from hub_export.verification.images import check_pixels, read_images
from keras_mixers.image_files import find_image_files
from keras_mixers.inference import takes_pixels

MIN_IMAGES = 16
# Ranges grow with the images that are seen. In 16 bits that costs nothing, and what exceeds a range
# is cut; in 8 bits a wider range is a coarser one.
MOST_IMAGES = {"int8": 100, "int16x8": 500}


def calibration_images(
    model: keras.Model,
    data: np.ndarray | str | Path | None,
    shape: tuple[int, int, int],
    most: int,
) -> np.ndarray:
    """Return at least MIN_IMAGES and at most `most` images (N, H, W, C), float32.

    Args:
        model: The model to quantise. Its images are pixels in [0, 255] if it has a layer
            `preprocessing`, otherwise any numbers.
        data: A folder of images, searched with its subfolders, or an array of images as the model
            takes them, such as `training.data.sample_images` draws from a data set. From more than
            `most` images, evenly spaced ones are taken.
        shape: Shape (H, W, C) of an image.
        most: Maximum number of images.

    Raises:
        ValueError: If there are too few images, or they don't fit the model.
        FileNotFoundError: If there is no such folder.

    >>> import keras_mixers
    >>> model = keras_mixers.ConvMixer(8, 1, input_shape=(32, 32, 1), classes=10)
    >>> calibration_images(model, np.zeros((25, 32, 32, 1)), (32, 32, 1), most=20).shape
    (20, 32, 32, 1)
    """
    if data is None:
        raise ValueError(
            "Quantising to integers needs representative_data: at least "
            f"{MIN_IMAGES} images, as a folder or an array (N, H, W, C)."
        )
    if isinstance(data, np.ndarray):
        images = _select_from_array(model, data, shape, most)
    elif Path(data).is_dir():
        images = _read_from_folder(model, Path(data), shape, most)
    else:
        raise FileNotFoundError(f"There is no folder of images {str(data)!r}.")
    if len(images) < MIN_IMAGES:
        raise ValueError(
            f"Quantising to integers needs at least {MIN_IMAGES} images; received {len(images)}."
        )
    return images.astype("float32")


def _evenly_spaced(count: int, most: int) -> list[int]:
    """Return the indices of up to `most` of `count` images."""
    kept = min(count, most)
    return [i * count // kept for i in range(kept)]


def _select_from_array(
    model: keras.Model, images: np.ndarray, shape: tuple[int, int, int], most: int
) -> np.ndarray:
    if images.ndim != 4 or images.shape[1:] != shape:
        expected = ", ".join(map(str, shape))
        raise ValueError(
            f"The images of representative_data must have shape (N, {expected}); received "
            f"{images.shape}."
        )
    images = images[_evenly_spaced(len(images), most)]
    if not np.all(np.isfinite(images)):
        raise ValueError(
            "The images of representative_data must be finite; received infinity or NaN."
        )
    if takes_pixels(model):
        check_pixels("The images of representative_data", images)
    return images


def _read_from_folder(
    model: keras.Model, folder: Path, shape: tuple[int, int, int], most: int
) -> np.ndarray:
    remedy = "pass its images as an array, as the model takes them"
    require_preprocessing_layer(model, f"{folder} holds pixels in [0, 255]", remedy)
    files = find_image_files(folder)
    return read_images([files[i] for i in _evenly_spaced(len(files), most)], model, shape)
