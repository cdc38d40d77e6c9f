"""Pillow's colour operations, on whole numbers in [0, 255] stored as float32 (H, W, C).

Each result equals Pillow's exactly, including rounding.
"""

import tensorflow as tf

_LUMA = (19595.0, 38470.0, 7471.0)  # Pillow's weights of red, green and blue; their sum is 65,536.


def grey(image: tf.Tensor) -> tf.Tensor:
    """Return the luma (H, W, 1), as `Image.convert("L")` does."""
    if image.shape[-1] == 1:
        return image
    # Whole numbers below 2**24 are exact in float32, and these sums stay below.
    # No product of matrices, whose precision oneDNN may be told to lower.
    channels = zip(tf.unstack(image, axis=-1), _LUMA, strict=True)
    luma = tf.add_n([channel * weight for channel, weight in channels])
    return tf.floor((luma + 32768.0) / 65536.0)[..., None]


def blend(start: tf.Tensor, image: tf.Tensor, factor: tf.Tensor) -> tf.Tensor:
    """Blend from `start` (factor 0) to `image` (factor 1) and beyond, as `Image.blend` does."""
    return tf.floor(tf.clip_by_value(start + factor * (image - start), 0.0, 255.0))


def color(image: tf.Tensor, factor: tf.Tensor) -> tf.Tensor:
    """Change the saturation, as `ImageEnhance.Color` does."""
    return blend(grey(image), image, factor)


def contrast(image: tf.Tensor, factor: tf.Tensor) -> tf.Tensor:
    """Change the contrast around the mean luma, as `ImageEnhance.Contrast` does."""
    mean = tf.floor(tf.reduce_mean(tf.cast(grey(image), tf.float64)) + 0.5)
    return blend(tf.cast(mean, tf.float32), image, factor)


def brightness(image: tf.Tensor, factor: tf.Tensor) -> tf.Tensor:
    """Change the brightness, as `ImageEnhance.Brightness` does."""
    return blend(tf.zeros_like(image), image, factor)


def sharpness(image: tf.Tensor, factor: tf.Tensor) -> tf.Tensor:
    """Blur or sharpen, as `ImageEnhance.Sharpness` does; the outermost pixels stay the same."""
    if min(image.shape[:2]) < 3:
        return image
    rows = image[:-2] + image[1:-1] + image[2:]
    total = rows[:, :-2] + rows[:, 1:-1] + rows[:, 2:] + 4.0 * image[1:-1, 1:-1]
    smooth = tf.floor(total / 13.0 + 0.5)
    middle = tf.concat([image[1:-1, :1], smooth, image[1:-1, -1:]], axis=1)
    return blend(tf.concat([image[:1], middle, image[-1:]], axis=0), image, factor)


def invert(image: tf.Tensor) -> tf.Tensor:
    """Return the negative, as `ImageOps.invert` does."""
    return 255.0 - image


def posterize(image: tf.Tensor, bits: tf.Tensor) -> tf.Tensor:
    """Keep the highest `bits` bits, 0 to 8, as `ImageOps.posterize` does."""
    step = 2.0 ** (8.0 - bits)
    return tf.floor(image / step) * step


def solarize(image: tf.Tensor, threshold: tf.Tensor) -> tf.Tensor:
    """Invert values at or above the threshold, as `ImageOps.solarize` does."""
    # 1 for the values to invert: to multiply takes a fraction of the time that choosing takes.
    inverted = tf.clip_by_value(image - tf.math.ceil(threshold) + 1.0, 0.0, 1.0)
    return image + inverted * (255.0 - 2.0 * image)


def solarize_add(image: tf.Tensor, addition: tf.Tensor) -> tf.Tensor:
    """Add to values below 128."""
    changed = tf.clip_by_value(128.0 - image, 0.0, 1.0)
    return image + changed * (tf.minimum(image + addition, 255.0) - image)


def auto_contrast(image: tf.Tensor) -> tf.Tensor:
    """Stretch each channel to [0, 255], as `ImageOps.autocontrast` does."""
    image64 = tf.cast(image, tf.float64)  # Pillow computes its table in double precision.
    low = tf.reduce_min(image64, axis=(0, 1))
    high = tf.reduce_max(image64, axis=(0, 1))
    scale = tf.where(high > low, 255.0 / tf.maximum(high - low, 1.0), 1.0)
    offset = tf.where(high > low, -low * scale, 0.0)
    stretched = tf.clip_by_value(tf.floor(image64 * scale + offset), 0.0, 255.0)
    return tf.cast(stretched, tf.float32)


def equalize(image: tf.Tensor) -> tf.Tensor:
    """Equalise the histogram of each channel, as `ImageOps.equalize` does."""
    channels = image.shape[-1]
    counts = tf.raw_ops.DenseBincount(
        input=tf.reshape(_table_index(image), [-1]),
        size=256 * channels,
        weights=tf.constant([], tf.int32),
        binary_output=False,
    )
    counts = tf.transpose(tf.reshape(counts, (channels, 256)))
    brightest = tf.cast(tf.reduce_max(image, axis=(0, 1)), tf.int32)
    of_brightest = tf.gather(tf.transpose(counts), brightest, batch_dims=1)
    step = (tf.reduce_sum(counts, axis=0) - of_brightest) // 255
    darker = tf.cumsum(counts, exclusive=True)
    table = tf.minimum((step // 2 + darker) // tf.maximum(step, 1), 255)
    return _look_up(image, tf.where(step > 0, table, tf.range(256)[:, None]))


def _table_index(image: tf.Tensor) -> tf.Tensor:
    """Return each value's index in a table with 256 entries per channel, channel by channel."""
    return tf.cast(image, tf.int32) + 256 * tf.range(image.shape[-1])


def _look_up(image: tf.Tensor, table: tf.Tensor) -> tf.Tensor:
    """Replace each value by its entry in a table (256, C)."""
    flat = tf.reshape(tf.transpose(tf.cast(table, tf.float32)), [-1])
    return tf.gather(flat, _table_index(image))
