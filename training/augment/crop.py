"""The part of an image that becomes the model's input; of a JPEG file, only that is decoded."""

import math
from collections.abc import Callable

import tensorflow as tf

from training.augment import random_draws as random_draws
from training.augment.settings import Augmentation

Box = Callable[[tf.Tensor, tf.Tensor], tf.Tensor]  # (height, width) -> (top, left, height, width)
_ATTEMPTS = 10
_TRANSFORM = "INTEGER_ACCURATE"  # Pillow's; TensorFlow's own choice is a faster one.


def crop(
    image: tf.Tensor,
    seed: tf.Tensor,
    settings: Augmentation,
    size: tuple[int, int],
    channels: int,
) -> tf.Tensor:
    """Cut `size` out of an image, decoded or a JPEG or PNG file's bytes, as the settings say.

    Of a random part of a JPEG file nothing else is decoded. Where the file holds colour at half
    resolution, as most do, its colours next to the part's edges come out a little different.

    Returns:
        Whole numbers in [0, 255], float32 (H, W, C).
    """
    place, which = random_draws.split(seed, 2)
    if settings.crop in ("pad", "none"):
        whole = decode(image, channels)
        target = _covering(tf.shape(whole), size)
        resized = resize(whole, target, settings.interpolation, random_draws.uniform(which))
        return _window(resized, size, settings.pad, place)
    antialias = settings.crop == "random_resized"
    box_of = random_box if antialias else inception_box
    part = _part(
        image, lambda h, w: box_of(place, h, w, settings.crop_scale, settings.crop_ratio), channels
    )
    resized = resize(part, size, settings.interpolation, random_draws.uniform(which), antialias)
    return tf.ensure_shape(resized, (*size, channels))


def decode(image: tf.Tensor, channels: int) -> tf.Tensor:
    """Return (height, width, C) of a JPEG or PNG file's bytes or of such an image.

    Raises:
        ValueError: if the image has other axes or another number of channels.
    """
    if image.dtype == tf.string:
        # It reads PNG as well.
        return tf.io.decode_jpeg(image, channels, dct_method=_TRANSFORM)
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
    """Resize to whole numbers in [0, 255]; "random" is bilinear where `share` is below a half."""

    def by(method: str) -> tf.Tensor:
        return tf.image.resize(image, size, method, antialias=antialias)

    if interpolation == "random":
        resized = tf.cond(share < 0.5, lambda: by("bilinear"), lambda: by("bicubic"))
    else:
        resized = by(interpolation)
    return tf.round(tf.clip_by_value(resized, 0.0, 255.0))


def random_box(
    seed: tf.Tensor,
    height: tf.Tensor,
    width: tf.Tensor,
    scale: tuple[float, float],
    ratio: tuple[float, float],
) -> tf.Tensor:
    """Draw area and ratio until they fit, ten times at most; else the largest centre that may be.

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
    first = tf.argmax(fits)  # The first that is true.
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
    """Draw a box as TensorFlow does, and as Google's Mixer code therefore did."""
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


def _part(image: tf.Tensor, box_of: Box, channels: int) -> tf.Tensor:
    def of_decoded(whole: tf.Tensor) -> tf.Tensor:
        shape = tf.shape(whole)
        top, left, height, width = tf.unstack(box_of(shape[0], shape[1]))
        return whole[top : top + height, left : left + width]

    def of_jpeg() -> tf.Tensor:
        shape = tf.io.extract_jpeg_shape(image)
        box = box_of(shape[0], shape[1])
        return tf.io.decode_and_crop_jpeg(image, box, channels, dct_method=_TRANSFORM)

    if image.dtype == tf.string:
        part = tf.cond(tf.io.is_jpeg(image), of_jpeg, lambda: of_decoded(decode(image, channels)))
    else:
        part = of_decoded(decode(image, channels))
    return tf.ensure_shape(part, (None, None, channels))


def _covering(shape: tf.Tensor, size: tuple[int, int]) -> tf.Tensor:
    """Return the (height, width) of the smallest copy of an image that covers `size`."""
    sides = tf.cast(shape[:2], tf.float32)
    scale = tf.reduce_max(tf.constant(size, tf.float32) / sides)
    return tf.maximum(tf.cast(tf.round(sides * scale), tf.int32), size)


def _window(image: tf.Tensor, size: tuple[int, int], pad: int, seed: tf.Tensor) -> tf.Tensor:
    """Cut `size` out at a random place of the image framed in zeros, or at the centre if pad=0."""
    room = tf.shape(image)[:2] - size + 2 * pad
    begin = random_draws.below(random_draws.uniform(seed, (2,)), room + 1) if pad else room // 2
    framed = tf.pad(image, [[pad, pad], [pad, pad], [0, 0]])
    return tf.ensure_shape(
        tf.slice(framed, [begin[0], begin[1], 0], [*size, -1]), (*size, image.shape[-1])
    )
