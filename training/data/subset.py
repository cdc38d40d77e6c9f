"""A part of a split."""

from hashlib import sha256
from typing import Any

import numpy as np
import tensorflow as tf
from PIL import Image

from training.data.split import Example, MapImage, Split


class Subset(Split):
    """The examples at some positions of a split."""

    def __init__(self, split: Split, positions: np.ndarray):
        self.size = len(positions)
        self.num_classes, self.image_shape = split.num_classes, split.image_shape
        self._split = split
        self._kept = np.isin(np.arange(split.size), positions)

    @property
    def digest(self) -> str:
        return sha256(self._split.digest.encode() + self._kept.tobytes()).hexdigest()

    def references(self, seed: tf.Tensor | None) -> tf.data.Dataset:
        kept = tf.constant(self._kept)
        numbered = self._split.references(seed).enumerate()
        return numbered.filter(lambda position, _: kept[position]).map(
            lambda _, reference: reference
        )

    def fetch(self, reference: Example) -> Example:
        return self._split.fetch(reference)

    def image(self, example: Example, function: MapImage) -> tf.Tensor:
        return self._split.image(example, function)

    def stored(self, example: Example) -> tf.Tensor:
        return self._split.stored(example)

    def open(self, stored: Any) -> Image.Image:
        return self._split.open(stored)
