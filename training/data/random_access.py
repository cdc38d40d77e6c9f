"""Splits whose examples can be read in any order, by their index."""

import os
from abc import abstractmethod
from functools import cached_property
from hashlib import sha256
from typing import Any

import numpy as np
import tensorflow as tf
from PIL import Image

from keras_mixers.preprocessing import load_image
from training.data.split import Example, MapImage, Split


class RandomAccessSplit(Split):
    """A split with random access: the order of an epoch is a permutation of all its indices."""

    def references(self, seed: tf.Tensor | None) -> tf.data.Dataset:
        ids = tf.range(self.size, dtype=tf.int64)
        if seed is not None:
            ids = tf.random.experimental.stateless_shuffle(ids, seed=seed)
        return tf.data.Dataset.from_tensor_slices({"id": ids})

    def fetch(self, reference: Example) -> Example:
        index = reference["id"]
        return {"id": index} | {
            name: tf.gather(values, index) for name, values in self._columns.items()
        }

    @cached_property
    def _columns(self) -> dict[str, tf.Tensor]:
        # Created on first use, because the first tensor fixes TensorFlow's list of devices, and a
        # strategy may still have to configure them. On the CPU, where tf.data runs. Eagerly,
        # because a graph would hold its own copy and is limited to 2 GB.
        with tf.init_scope(), tf.device("/cpu:0"):
            return {name: tf.constant(values) for name, values in self._arrays().items()}

    @abstractmethod
    def _arrays(self) -> dict[str, Any]:
        """Return columns with one row per example: `label`, and whatever its image is found by."""


class ArraySplit(RandomAccessSplit):
    """Images in memory.

    Args:
        images: (N, H, W, 1 or 3), uint8.
        labels: (N,), class indices from 0.
        num_classes: number of classes.
    """

    def __init__(self, images: np.ndarray, labels: np.ndarray, num_classes: int):
        self.size = len(images)
        self.num_classes = num_classes
        height, width, channels = images.shape[1:]
        self.image_shape = (height, width, channels)
        self._images, self._labels = images, labels.astype(np.int64)

    @property
    def digest(self) -> str:
        digest = sha256(f"{self._images.shape}".encode())
        for array in (self._images, self._labels):
            digest.update(np.ascontiguousarray(array).data)
        return digest.hexdigest()

    def _arrays(self) -> dict[str, Any]:
        return {"image": self._images, "label": self._labels}

    def image(self, example: Example, function: MapImage) -> tf.Tensor:
        return function(example["image"])

    def stored(self, example: Example) -> tf.Tensor:
        return example["image"]

    def open(self, stored: np.ndarray) -> Image.Image:
        return to_pil_image(stored)


class FileSplit(RandomAccessSplit):
    """Image files, all of which were checked to be readable.

    Args:
        paths: paths of the N files.
        labels: (N,), class indices from 0.
        plain: (N,), bool: whether a file is an upright JPEG in greyscale or RGB, which TensorFlow
            decodes as Pillow does.
        num_classes: number of classes.
        channels: number of channels, 1 or 3.
    """

    def __init__(
        self,
        paths: list[bytes],
        labels: np.ndarray,
        plain: np.ndarray,
        num_classes: int,
        channels: int,
    ):
        self.size = len(paths)
        self.num_classes = num_classes
        self.image_shape = (None, None, channels)
        self._paths, self._labels, self._plain = paths, labels.astype(np.int64), plain

    @property
    def digest(self) -> str:
        """SHA-256 of the files' names, sizes and classes, but not of what is in them."""
        digest = sha256()
        for path, label in zip(self._paths, self._labels, strict=True):
            digest.update(b"%d %d %s\0" % (label, os.path.getsize(path), os.path.basename(path)))
        return digest.hexdigest()

    def _arrays(self) -> dict[str, Any]:
        return {"path": self._paths, "label": self._labels, "plain": self._plain}

    def image(self, example: Example, function: MapImage) -> tf.Tensor:
        path = example["path"]

        def map_bytes() -> tf.Tensor:
            return function(tf.io.read_file(path))

        def map_pixels() -> tf.Tensor:
            pixels = tf.numpy_function(self._load, [path], tf.uint8, stateful=False)
            return function(tf.ensure_shape(pixels, self.image_shape))

        if self._plain.all():
            return map_bytes()
        if not self._plain.any():
            return map_pixels()
        return tf.cond(example["plain"], map_bytes, map_pixels)

    def stored(self, example: Example) -> tf.Tensor:
        return example["path"]

    def open(self, stored: bytes) -> Image.Image:
        return load_image(stored.decode(errors="surrogateescape"), self.image_shape[-1])

    def _load(self, path: bytes) -> np.ndarray:
        return np.atleast_3d(np.asarray(self.open(path)))


def to_pil_image(pixels: np.ndarray) -> Image.Image:
    """Convert pixels (H, W, 1 or 3), uint8, to an image of mode L or RGB."""
    return Image.fromarray(pixels[..., 0] if pixels.shape[-1] == 1 else pixels)
