"""Batches for evaluation: each example once, resized and cropped as published evaluations do."""

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
    """Return batches (images, labels) with each example once, in the order in which it is stored.

    Images are resized and cropped by `keras_mixers.preprocessing.resize_and_crop`, bit for bit.

    Args:
        split: examples to evaluate on.
        batch_size: number of images per batch; the last batch may have fewer.
        size: height and width of the images.
        crop: side of the central crop, as a share of the resized image's shorter side.
        interpolation: filter of the resize.
        shard: index of this worker and number of workers. Each worker gets its share of the
            examples.

    Returns:
        Images (B, H, W, C), uint8, and labels (B,), int64.

    Raises:
        ValueError: if an argument is out of range.

    >>> from training.data import open_data
    >>> batches = evaluation_batches(open_data("digits").validation, 100, (16, 16))
    >>> [images.shape[0] for images, _ in batches]
    [100, 100, 100, 64]
    """
    if batch_size < 1:
        raise ValueError(f"batch_size must be at least 1; received {batch_size}.")
    # Errors in the arguments are raised here, rather than later inside tf.data.
    resize_and_crop(Image.new("L", (1, 1)), size, crop, interpolation)
    shape = (*size, split.image_shape[-1])

    def load_pixels(stored: Any) -> np.ndarray:
        return resize_and_crop(split.open(stored), size, crop, interpolation)

    def load_example(reference: Example) -> tuple[tf.Tensor, tf.Tensor]:
        example = split.fetch(reference)
        pixels = tf.numpy_function(load_pixels, [split.stored(example)], tf.uint8, stateful=False)
        return tf.ensure_shape(pixels, shape), example["label"]

    # Pillow releases the GIL while it decodes and resizes, so threads do run in parallel.
    index, count = shard
    examples = split.references(None).shard(count, index)
    examples = examples.map(load_example, num_parallel_calls=tf.data.AUTOTUNE, deterministic=True)
    return examples.batch(batch_size).prefetch(tf.data.AUTOTUNE)
