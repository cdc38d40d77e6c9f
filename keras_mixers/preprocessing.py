"""Reads, resizes and crops images for evaluation."""

import contextlib
from pathlib import Path
from typing import Literal

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

_MODES = {1: "L", 3: "RGB"}
_FILTERS = {"bicubic": Image.Resampling.BICUBIC, "bilinear": Image.Resampling.BILINEAR}
# A strip of 1 x 60000 pixels would be resized to gigabytes, of which the crop keeps one patch.
_MOST_PIXELS = 1 << 27


class ImageError(ValueError):
    """An image can't be read or resized."""


def load_image(path: str | Path, channels: int = 3) -> Image.Image:
    """Read an image and turn it upright, as its EXIF data say.

    Transparency is dropped, images become grey or coloured as `channels` says, and of 16 bits the
    higher 8 are kept.

    Args:
        path: A JPEG, a PNG, or any other file that Pillow reads; of an animation, the first frame.
        channels: 1 for an image of mode L, 3 for RGB.

    Raises:
        FileNotFoundError: If there is no such file.
        ImageError: If it is not an image, is damaged, or has pixels without a known range.
        ValueError: If `channels` is neither 1 nor 3.

    >>> import os, tempfile
    >>> path = os.path.join(tempfile.mkdtemp(), "grey.png")
    >>> Image.new("L", (5, 4)).save(path)
    >>> load_image(path).mode
    'RGB'
    """
    if channels not in _MODES:
        raise ValueError(f"Images are read with 1 or 3 channels; received {channels!r}.")
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"There is no image file {str(path)!r}.")
    if not path.stat().st_size:
        raise ImageError(f"{path} is empty; copy it again.")
    try:
        with Image.open(path) as image:
            image.load()
            # Damaged EXIF data are no reason to refuse the pixels.
            with contextlib.suppress(Exception):
                ImageOps.exif_transpose(image, in_place=True)
            return _to_convertible(image).convert(_MODES[channels])
    except UnidentifiedImageError:
        raise ImageError(
            f"{path} is not an image in a format that Pillow knows; save it as a JPEG or PNG."
        ) from None
    except Exception as error:  # Each of Pillow's forty decoders raises its own.
        reason = str(error) or type(error).__name__
        raise ImageError(f"{path} can't be read as an image ({reason}).") from None


def _to_convertible(image: Image.Image) -> Image.Image:
    """Return an image that Pillow converts correctly; it would clip 16-bit grey to white."""
    if image.mode.startswith("I;16") or (image.mode == "I" and image.format == "PNG"):
        return Image.fromarray((np.asarray(image) >> 8).astype(np.uint8))
    if image.mode in ("I", "F"):
        raise ImageError(f"pixels of mode {image.mode} have no known range; save it with 8 bits")
    # Pillow warns about the transparency that it drops only if the image has a palette.
    return image.convert("RGBA") if image.mode == "P" else image


def resize_and_crop(
    image: Image.Image,
    size: tuple[int, int],
    crop: float = 1.0,
    interpolation: Literal["bicubic", "bilinear"] = "bicubic",
) -> np.ndarray:
    """Resize an image and cut out its centre, as the published evaluations do.

    The shorter side is resized to floor(size / crop) in 8 bits, with antialiasing, and the centre
    is cut out. That is bit for bit what torchvision's Resize and CenterCrop do with PIL images.
    For a size that is not square, the image is resized to the smallest size that covers
    floor(height / crop) x floor(width / crop).

    Args:
        image: An image of mode L or RGB, such as from `load_image`.
        size: Height and width of the result.
        crop: Side of the central crop, as a fraction of the resized image's shorter side.
        interpolation: Filter used for resizing.

    Returns:
        Pixels (H, W, C), uint8.

    Raises:
        ImageError: If the image is so long and narrow that it would not fit in memory.
        ValueError: If an argument is out of its range.

    >>> resize_and_crop(Image.new("RGB", (500, 375)), (224, 224), crop=0.96).shape
    (224, 224, 3)
    """
    height, width = size
    if image.mode not in _MODES.values():
        raise ValueError(
            f"resize_and_crop takes images of mode L or RGB; received {image.mode!r}; use "
            "load_image, or image.convert('RGB')."
        )
    if min(size) < 1:
        raise ValueError(f"size must be a height and a width of at least 1; received {size!r}.")
    if not 0 < crop <= 1:
        raise ValueError(f"crop must be above 0 and at most 1; received {crop!r}.")
    # Divided by the smallest crops that there are, a size is infinite.
    if max(size) / crop > _MOST_PIXELS:
        raise ValueError(
            f"crop must be at least {max(size) / _MOST_PIXELS:.0e} for {size}; received {crop!r}."
        )
    if interpolation not in _FILTERS:
        raise ValueError(
            f"interpolation must be one of {', '.join(_FILTERS)}; received {interpolation!r}."
        )
    columns, rows = _covering_size(image.width, image.height, int(width / crop), int(height / crop))
    if columns * rows > _MOST_PIXELS:
        raise ImageError(
            f"an image of {image.width} x {image.height} pixels would become {columns} x {rows} "
            "when resized; crop it to a less narrow shape"
        )
    left, top = round((columns - width) / 2), round((rows - height) / 2)
    resized = image.resize((columns, rows), _FILTERS[interpolation])
    return np.atleast_3d(np.asarray(resized.crop((left, top, left + width, top + height))))


def load_pixels(
    path: str | Path,
    shape: tuple[int, int, int],
    crop: float = 1.0,
    interpolation: Literal["bicubic", "bilinear"] = "bicubic",
) -> np.ndarray:
    """Read an image, resize it and cut out its centre: `load_image`, then `resize_and_crop`.

    Args:
        path: The image.
        shape: (H, W, C) of the result.
        crop: As for `resize_and_crop`.
        interpolation: As for `resize_and_crop`.

    Returns:
        Pixels (H, W, C), uint8.

    Raises:
        FileNotFoundError: If there is no such file.
        ImageError: If it can't be read or resized; the message names it.
        ValueError: If an argument is out of its range.

    >>> import os, tempfile
    >>> path = os.path.join(tempfile.mkdtemp(), "grey.png")
    >>> Image.new("L", (5, 4)).save(path)
    >>> load_pixels(path, (2, 3, 3)).shape
    (2, 3, 3)
    """
    image = load_image(path, shape[2])
    try:
        return resize_and_crop(image, shape[:2], crop, interpolation)
    except ImageError as error:
        raise ImageError(f"{path}: {error}") from None


def _covering_size(width: int, height: int, least_width: int, least_height: int) -> tuple[int, int]:
    """Return the smallest size that covers the least ones and keeps width / height."""
    if width * least_height < height * least_width:
        return least_width, int(least_width * height / width)
    return int(least_height * width / height), least_height
