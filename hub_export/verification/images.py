"""Images to compare a model and its export on."""

from pathlib import Path

import keras
import numpy as np
from PIL import Image

from keras_mixers.inference import image_shape, read_pixels
from keras_mixers.preprocessing import resize_and_crop

IMAGE_SUFFIXES = (".bmp", ".jpeg", ".jpg", ".png", ".webp")


def comparison_pixels(model: keras.Model, data: np.ndarray | str | Path | None) -> np.ndarray:
    """Return pixels (B, H, W, C), uint8, of the size that a model takes; 224 where it takes any.

    Args:
        model: of pixels in [0, 255].
        data: a folder of images, read as `keras-mixers predict` reads them; or pixels as they
            are; None: eight parts of two photographs that come with scikit-learn.

    Raises:
        FileNotFoundError: if there is no such folder, or no image in it.
        ValueError: if an image can't be read, or the pixels don't fit.

    >>> import keras_mixers
    >>> comparison_pixels(keras_mixers.ConvMixer(8, 1, input_shape=(32, 32, 3)), None).shape
    (8, 32, 32, 3)
    """
    height, width, channels = image_shape(model)
    if data is None:
        return _photographs(height, width, channels)
    if isinstance(data, np.ndarray):
        return _checked(data, model)
    folder = Path(data)
    if not folder.is_dir():
        raise FileNotFoundError(f"There is no folder of images {str(folder)!r}.")
    files = find_image_files(folder)
    if not files:
        raise FileNotFoundError(
            f"There is no image in {str(folder)!r}; expected files that end in "
            f"{', '.join(IMAGE_SUFFIXES)}."
        )
    read = [read_pixels(path, model, (height, width, channels)) for path in files]
    return np.stack(read)


def find_image_files(folder: Path) -> list[Path]:
    """Return the images in a folder and in any folders below it, sorted."""
    return sorted(path for path in folder.rglob("*") if path.suffix.lower() in IMAGE_SUFFIXES)


def check_pixels(what: str, images: np.ndarray) -> None:
    """Raise ValueError unless images, called `what`, hold pixels in [0, 255]."""
    if not np.all((images >= 0) & (images <= 255)):
        raise ValueError(
            f"{what} must hold pixels in [0, 255]; received {images.min():.3g} to "
            f"{images.max():.3g}."
        )


def _checked(pixels: np.ndarray, model: keras.Model) -> np.ndarray:
    wanted = model.inputs[0].shape
    fits = pixels.ndim == 4 and all(
        w in (None, s) for w, s in zip(wanted, pixels.shape, strict=True)
    )
    if not fits or len(pixels) == 0:
        raise ValueError(f"The images must have the shape {wanted}; received {pixels.shape}.")
    check_pixels("The images", pixels)
    return pixels.astype("uint8")


def _photographs(height: int, width: int, channels: int) -> np.ndarray:
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
    # Cameras with other channels than these have no photographs here: repeat colours.
    return np.stack(parts)[..., [i % parts[0].shape[-1] for i in range(channels)]]
