"""Batches to measure with: each example once, cut out as the published evaluations do."""

from typing import Any, Literal

import numpy as np
import tensorflow as tf
from PIL import Image

from keras_mixers.preprocessing import resize_and_crop
from training.data.split import Example, Split


def evaluation_batches(
    split: Split,
    batch_size: int,
    size: tuple[int, int],
    crop: float = 1.0,
    interpolation: Literal["bicubic", "bilinear"] = "bicubic",
    shard: tuple[int, int] = (0, 1),
) -> tf.data.Dataset:
    """Return batches (images, labels) of each example once, in the order they are stored in.

    Images are what `keras_mixers.preprocessing.resize_and_crop` makes of them, to the bit.

    Args:
        split: examples to measure with.
        batch_size: the last batch may have fewer.
        size: height and width of the images.
        crop: side of the central crop, as a share of the resized image's shorter side.
        interpolation: filter of the resize.
        shard: index of this worker, and the number of workers, each of which takes its share.

    Returns:
        Images (B, H, W, C), uint8, and labels (B,), int64.

    Raises:
        ValueError: if an argument is out of its range.

    >>> from training.data import open_data
    >>> batches = evaluation_batches(open_data("digits").validation, 100, (16, 16))
    >>> [images.shape[0] for images, _ in batches]
    [100, 100, 100, 64]
    """
    if batch_size < 1:
        raise ValueError(f"batch_size must be at least 1; received {batch_size}.")
    # Its complaints about the arguments are better heard now than within tf.data.
    resize_and_crop(Image.new("L", (1, 1)), size, crop, interpolation)
    shape = (*size, split.image_shape[-1])

    def cut(stored: Any) -> np.ndarray:
        return resize_and_crop(split.open(stored), size, crop, interpolation)

    def example(reference: Example) -> tuple[tf.Tensor, tf.Tensor]:
        example = split.fetch(reference)
        pixels = tf.numpy_function(cut, [split.stored(example)], tf.uint8, stateful=False)
        return tf.ensure_shape(pixels, shape), example["label"]

    # Pillow sets its lock aside while it decodes and resizes, so that threads do run beside it.
    index, count = shard
    examples = split.references(None).shard(count, index)
    examples = examples.map(example, num_parallel_calls=tf.data.AUTOTUNE, deterministic=True)
    return examples.batch(batch_size).prefetch(tf.data.AUTOTUNE)
