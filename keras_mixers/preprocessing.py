"""Evaluation images for a model."""

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
    """Read an image upright, as its camera held it.

    Transparency is dropped, colour becomes grey or grey becomes colour as `channels` asks, and of
    16 bits the higher 8 are kept.

    Args:
        path: JPEG, PNG, or whatever else Pillow reads; of an animation, the first frame.
        channels: 1 for an image of mode L, 3 for RGB.

    Raises:
        FileNotFoundError: if there is no such file.
        ImageError: if it is no image, or damaged, or has pixels of no known range.
        ValueError: if `channels` is neither 1 nor 3.

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
    try:
        with Image.open(path) as image:
            image.load()
            # A damaged note on how the camera was held is no reason to refuse the pixels.
            with contextlib.suppress(Exception):
                ImageOps.exif_transpose(image, in_place=True)
            return _convertible(image).convert(_MODES[channels])
    except UnidentifiedImageError:
        raise ImageError(f"{path} is no image of a format that Pillow knows.") from None
    except Exception as error:  # Each of Pillow's forty decoders has its own.
        raise ImageError(f"{path} can't be read as an image ({error}).") from None


def _convertible(image: Image.Image) -> Image.Image:
    """Return an image that Pillow converts without loss: 16-bit grey it would clip to white."""
    if image.mode.startswith("I;16") or (image.mode == "I" and image.format == "PNG"):
        return Image.fromarray((np.asarray(image) >> 8).astype(np.uint8))
    if image.mode in ("I", "F"):
        raise ImageError(f"pixels of mode {image.mode} have no known range; save it with 8 bits")
    # Pillow warns of the transparency that it drops from a palette, but not of any other.
    return image.convert("RGBA") if image.mode == "P" else image


def resize_and_crop(
    image: Image.Image,
    size: tuple[int, int],
    crop: float = 1.0,
    interpolation: Literal["bicubic", "bilinear"] = "bicubic",
) -> np.ndarray:
    """Cut the centre of an image out as the published evaluations do.

    The shorter side is resized to floor(size / crop), antialiased, on 8 bits, and the centre cut
    out: torchvision's Resize and CenterCrop on PIL images, to the bit. A size that is not square
    takes the smallest resized image that covers floor(height / crop) x floor(width / crop).

    Args:
        image: of mode L or RGB, such as from `load_image`.
        size: height and width of the result.
        crop: side of the central crop, as a share of the resized image's shorter side.
        interpolation: filter of the resize.

    Returns:
        Pixels (H, W, C), uint8.

    Raises:
        ImageError: if the image is so long and narrow that it would not fit in memory.
        ValueError: if an argument is out of its range.

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
        raise ValueError(f"crop must be a share above 0 and up to 1; received {crop!r}.")
    if interpolation not in _FILTERS:
        raise ValueError(
            f"interpolation must be one of {', '.join(_FILTERS)}; received {interpolation!r}."
        )
    columns, rows = _covering(image.width, image.height, int(width / crop), int(height / crop))
    if columns * rows > _MOST_PIXELS:
        raise ImageError(
            f"an image of {image.width} x {image.height} pixels would become {columns} x {rows} "
            "when resized; cut it to a less narrow one"
        )
    left, top = round((columns - width) / 2), round((rows - height) / 2)
    resized = image.resize((columns, rows), _FILTERS[interpolation])
    return np.atleast_3d(np.asarray(resized.crop((left, top, left + width, top + height))))


def _covering(width: int, height: int, least_width: int, least_height: int) -> tuple[int, int]:
    """Return the smallest size of the shape of `width` x `height` that covers the least ones."""
    if width * least_height < height * least_width:
        return least_width, int(least_width * height / width)
    return int(least_height * width / height), least_height
