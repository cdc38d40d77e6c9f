"""Images that show a quantisation which numbers a model meets."""

from pathlib import Path

import keras
import numpy as np

from hub_export.requirements import require_preprocessing
from hub_export.verification.images import ENDINGS, check_pixels, image_files
from keras_mixers.inference import read_pixels, takes_pixels

LEAST, MOST = 16, 100


def calibration_images(
    model: keras.Model,
    data: np.ndarray | str | Path | None,
    shape: tuple[int, int, int],
) -> np.ndarray:
    """Return up to MOST images (N, H, W, C), float32, drawn evenly from all that there are.

    Args:
        model: of pixels in [0, 255], if it has a layer `preprocessing`; else of anything.
        data: a folder of images, in any folders below it; or an array of images as they are, such
            as `training.data.sample_images` draws from a data set.
        shape: (H, W, C) of an image.

    Raises:
        ValueError: if there are none, too few, or they don't fit.
        FileNotFoundError: if there is no such folder.

    >>> import keras_mixers
    >>> model = keras_mixers.ConvMixer(8, 1, input_shape=(32, 32, 1), classes=10)
    >>> calibration_images(model, np.zeros((250, 32, 32, 1)), (32, 32, 1)).shape
    (100, 32, 32, 1)
    """
    if data is None:
        raise ValueError(
            "Quantising to integers needs representative_data: at least "
            f"{LEAST} images, as a folder or an array (N, H, W, C)."
        )
    if isinstance(data, np.ndarray):
        images = _checked(model, data, shape)
    elif Path(data).is_dir():
        images = _of_folder(model, Path(data), shape)
    else:
        raise FileNotFoundError(f"There is no folder of images {str(data)!r}.")
    if len(images) < LEAST:
        raise ValueError(
            f"Quantising to integers needs at least {LEAST} images; received {len(images)}."
        )
    return images.astype("float32")


def _evenly(count: int) -> list[int]:
    """Return the indices of up to MOST of `count` images."""
    kept = min(count, MOST)
    return [i * count // kept for i in range(kept)]


def _checked(model: keras.Model, images: np.ndarray, shape: tuple[int, int, int]) -> np.ndarray:
    if images.ndim != 4 or images.shape[1:] != shape:
        wanted = ", ".join(map(str, shape))
        raise ValueError(
            f"The images of representative_data must have the shape (N, {wanted}); received "
            f"{images.shape}."
        )
    images = images[_evenly(len(images))]
    if not np.all(np.isfinite(images)):
        raise ValueError("The images of representative_data hold numbers that are not finite.")
    if takes_pixels(model):
        check_pixels("The images of representative_data", images)
    return images


def _of_folder(model: keras.Model, folder: Path, shape: tuple[int, int, int]) -> np.ndarray:
    _check_pixels(model, folder)
    files = image_files(folder)
    if len(files) < LEAST:
        raise ValueError(
            f"Quantising to integers needs at least {LEAST} images; {str(folder)!r} has "
            f"{len(files)} files that end in {', '.join(ENDINGS)}."
        )
    chosen = [files[i] for i in _evenly(len(files))]
    return np.stack([read_pixels(path, model, shape) for path in chosen])


def _check_pixels(model: keras.Model, data: object) -> None:
    remedy = "pass representative_data as an array of it"
    require_preprocessing(model, f"{data} has pixels in [0, 255]", remedy)
