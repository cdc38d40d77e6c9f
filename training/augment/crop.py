"""Cropping and resizing to the model's input; of a JPEG file, only the random crop is decoded."""

import math
from collections.abc import Callable

import tensorflow as tf

from training.augment import random_draws
from training.augment.settings import Augmentation

DrawBox = Callable[
    [tf.Tensor, tf.Tensor], tf.Tensor
]  # (height, width) -> (top, left, height, width)
_ATTEMPTS = 10
_DCT_METHOD = "INTEGER_ACCURATE"  # As in Pillow; TensorFlow's default is a faster one.


def crop(
    image: tf.Tensor,
    seed: tf.Tensor,
    settings: Augmentation,
    size: tuple[int, int],
    channels: int,
) -> tf.Tensor:
    """Crop and resize an image to `size` as the settings say.

    For a random crop of a JPEG file, only that crop is decoded. If the file stores colour at half
    resolution, as most do, colours along the edges of the crop differ slightly from those of the
    whole image.

    Args:
        image: pixels (height, width, C), or the bytes of a JPEG or PNG file, a scalar string.
        seed: seed of this image, (2,).
        settings: how to crop.
        size: height and width of the result.
        channels: number of channels of the result.

    Returns:
        Whole numbers in [0, 255], float32 (H, W, C).
    """
    position, choice = random_draws.split(seed, 2)
    if settings.crop in ("pad", "none"):
        whole = decode(image, channels)
        target = _covering_size(tf.shape(whole), size)
        resized = resize(whole, target, settings.interpolation, random_draws.uniform(choice))
        return _cut_window(resized, size, settings.pad, position)
    antialias = settings.crop == "random_resized"
    draw_box = random_box if antialias else inception_box
    part = _cut_box(
        image,
        lambda h, w: draw_box(position, h, w, settings.crop_scale, settings.crop_ratio),
        channels,
    )
    resized = resize(part, size, settings.interpolation, random_draws.uniform(choice), antialias)
    return tf.ensure_shape(resized, (*size, channels))


def decode(image: tf.Tensor, channels: int) -> tf.Tensor:
    """Return pixels (height, width, C), decoded from a JPEG or PNG file's bytes if necessary.

    Raises:
        ValueError: if the pixels have other axes or another number of channels.
    """
    if image.dtype == tf.string:
        # decode_jpeg reads PNG files as well.
        return tf.io.decode_jpeg(image, channels, dct_method=_DCT_METHOD)
    shape = image.shape
    if shape.rank not in (None, 3) or (shape.rank == 3 and shape[-1] not in (None, channels)):
        raise ValueError(
            f"The image must be (height, width, {channels}), or a JPEG or PNG file's bytes as a "
            f"string; received {image.dtype.name} {tuple(shape)}."
        )
    return tf.ensure_shape(image, (None, None, channels))


def resize(
    image: tf.Tensor,
    size: tf.Tensor | tuple[int, int],
    interpolation: str,
    share: tf.Tensor,
    antialias: bool = True,
) -> tf.Tensor:
    """Resize to whole numbers in [0, 255].

    The interpolation "random" is bilinear if `share` is below a half, and bicubic otherwise.
    """

    def resize_by(method: str) -> tf.Tensor:
        return tf.image.resize(image, size, method, antialias=antialias)

    if interpolation == "random":
        resized = tf.cond(share < 0.5, lambda: resize_by("bilinear"), lambda: resize_by("bicubic"))
    else:
        resized = resize_by(interpolation)
    return tf.round(tf.clip_by_value(resized, 0.0, 255.0))


def random_box(
    seed: tf.Tensor,
    height: tf.Tensor,
    width: tf.Tensor,
    scale: tuple[float, float],
    ratio: tuple[float, float],
) -> tf.Tensor:
    """Draw a box of random area and aspect ratio that lies inside the image.

    If none of ten draws fits, the box is the largest central one with an allowed aspect ratio.

    Reference: timm's `RandomResizedCropAndInterpolation`, torchvision's `RandomResizedCrop`.
    """
    areas, ratios, places = random_draws.split(seed, 3)
    high, wide = tf.cast(height, tf.float32), tf.cast(width, tf.float32)
    area = random_draws.uniform(areas, (_ATTEMPTS,), *scale) * high * wide
    aspect = tf.exp(
        random_draws.uniform(ratios, (_ATTEMPTS,), math.log(ratio[0]), math.log(ratio[1]))
    )
    widths, heights = tf.round(tf.sqrt(area * aspect)), tf.round(tf.sqrt(area / aspect))
    fits = (widths <= wide) & (heights <= high) & (widths >= 1) & (heights >= 1)
    first = tf.argmax(fits)  # The first one that fits.
    found = tf.reduce_any(fits)
    central_width = tf.minimum(wide, tf.round(high * ratio[1]))
    central_height = tf.minimum(high, tf.round(wide / ratio[0]))
    h = tf.cast(tf.where(found, heights[first], tf.maximum(central_height, 1.0)), tf.int32)
    w = tf.cast(tf.where(found, widths[first], tf.maximum(central_width, 1.0)), tf.int32)
    shares = random_draws.uniform(places, (2,))
    top = tf.where(found, random_draws.below(shares[0], height - h + 1), (height - h) // 2)
    left = tf.where(found, random_draws.below(shares[1], width - w + 1), (width - w) // 2)
    return tf.stack([top, left, h, w])


def inception_box(
    seed: tf.Tensor,
    height: tf.Tensor,
    width: tf.Tensor,
    scale: tuple[float, float],
    ratio: tuple[float, float],
) -> tf.Tensor:
    """Draw a box with TensorFlow's own function, as Google's Mixer code does."""
    begin, extent, _ = tf.image.stateless_sample_distorted_bounding_box(
        tf.stack([height, width, 1]),
        tf.zeros((1, 0, 4)),
        seed,
        min_object_covered=0.0,
        aspect_ratio_range=ratio,
        area_range=scale,
        max_attempts=100,
        use_image_if_no_bounding_boxes=True,
    )
    return tf.concat([begin[:2], extent[:2]], axis=0)


def _cut_box(image: tf.Tensor, draw_box: DrawBox, channels: int) -> tf.Tensor:
    """Return the pixels of an image inside the box that is drawn for its height and width."""

    def cut_pixels(whole: tf.Tensor) -> tf.Tensor:
        shape = tf.shape(whole)
        top, left, height, width = tf.unstack(draw_box(shape[0], shape[1]))
        return whole[top : top + height, left : left + width]

    def cut_jpeg() -> tf.Tensor:
        shape = tf.io.extract_jpeg_shape(image)
        box = draw_box(shape[0], shape[1])
        return tf.io.decode_and_crop_jpeg(image, box, channels, dct_method=_DCT_METHOD)

    if image.dtype == tf.string:
        part = tf.cond(tf.io.is_jpeg(image), cut_jpeg, lambda: cut_pixels(decode(image, channels)))
    else:
        part = cut_pixels(decode(image, channels))
    return tf.ensure_shape(part, (None, None, channels))


def _covering_size(shape: tf.Tensor, size: tuple[int, int]) -> tf.Tensor:
    """Return the smallest (height, width) with an image's aspect ratio that covers `size`."""
    sides = tf.cast(shape[:2], tf.float32)
    scale = tf.reduce_max(tf.constant(size, tf.float32) / sides)
    return tf.maximum(tf.cast(tf.round(sides * scale), tf.int32), size)


def _cut_window(image: tf.Tensor, size: tuple[int, int], pad: int, seed: tf.Tensor) -> tf.Tensor:
    """Pad the image with zeros and cut a random window of `size`; the central one if pad=0."""
    room = tf.shape(image)[:2] - size + 2 * pad
    begin = random_draws.below(random_draws.uniform(seed, (2,)), room + 1) if pad else room // 2
    padded = tf.pad(image, [[pad, pad], [pad, pad], [0, 0]])
    return tf.ensure_shape(
        tf.slice(padded, [begin[0], begin[1], 0], [*size, -1]), (*size, image.shape[-1])
    )
