"""Pictures for the tests, as arrays, as Pillow's images and as files."""

import io

import numpy as np
import tensorflow as tf
from PIL import Image


def picture(height: int, width: int, channels: int = 3, seed: int = 0) -> np.ndarray:
    """Return uint8 waves under noise, so that each channel and each place is its own."""
    y, x = np.mgrid[:height, :width]
    waves = [(np.sin(x / 5 + k) * np.cos(y / 7 - k) + 1) * 95 + 10 for k in range(channels)]
    noise = np.random.default_rng(seed).integers(0, 56, (height, width, channels))
    return np.uint8(np.stack(waves, -1) + noise)


def pillow(image: np.ndarray) -> Image.Image:
    """Return an array (H, W, 1) or (H, W, 3) as Pillow's image."""
    return Image.fromarray(image[..., 0] if image.shape[-1] == 1 else image)


def array(image: Image.Image) -> np.ndarray:
    """Return Pillow's image as float32 (H, W, C)."""
    return np.float32(image).reshape(image.height, image.width, -1)


def tensor(image: np.ndarray) -> tf.Tensor:
    return tf.constant(image, tf.float32)


def encoded(image: np.ndarray, kind: str, **options: int) -> bytes:
    """Return the bytes of a file."""
    file = io.BytesIO()
    pillow(image).save(file, kind, **options)
    return file.getvalue()


def seeds(count: int) -> tf.Tensor:
    """Return `count` seeds (count, 2)."""
    return tf.stack([tf.fill([count], 7), tf.range(count)], axis=1)


def over_seeds(function, count: int, dtype) -> np.ndarray:
    """Return what a function of a seed yields for `count` seeds."""
    run = tf.function(lambda: tf.map_fn(function, seeds(count), fn_output_signature=dtype))
    return run().numpy()
