"""What a source of labelled images offers: two splits, whose examples are read late."""

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import tensorflow as tf
from PIL import Image

Example = dict[str, tf.Tensor]
MapImage = Callable[[tf.Tensor], tf.Tensor]


class Split(ABC):
    """Labelled images in an order that a seed decides, none decoded before it is asked for.

    Attributes:
        size: number of examples.
        num_classes: labels are 0 to num_classes - 1.
        image_shape: height, width, channels; None where images differ.
    """

    size: int
    num_classes: int
    image_shape: tuple[int | None, int | None, int]

    @abstractmethod
    def references(self, seed: tf.Tensor | None) -> tf.data.Dataset:
        """Return what it takes to find each example, once, in the order that a seed decides.

        An element is a dictionary with at least `id`, int64, that no two examples of one order
        share. It costs little to drop an element: nothing was decoded for it.

        Args:
            seed: (2,), int32; None: the order in which they are stored.
        """

    @abstractmethod
    def fetch(self, reference: Example) -> Example:
        """Return the example of a reference: `id`, `label`, and its image, undecoded."""

    @abstractmethod
    def image(self, example: Example, function: MapImage) -> tf.Tensor:
        """Return `function` of an example's image.

        `function` is given a JPEG file's bytes, a scalar string, so that it can decode no more
        than a crop; or pixels (H, W, C), uint8, of an image that is no plain JPEG. Where a split
        has both, it is traced for both.
        """

    @abstractmethod
    def stored(self, example: Example) -> tf.Tensor:
        """Return the tensor from which `open` makes an image."""

    @abstractmethod
    def open(self, stored: Any) -> Image.Image:
        """Decode an image with Pillow, for evaluation: mode L or RGB."""


@dataclass(frozen=True)
class Data:
    """Labelled images to train with, and others to measure with.

    Attributes:
        address: where they come from, as `open_data` was told.
        class_names: in the order of the labels.
        train: to train with.
        validation: to measure with; shares no example with `train`.
        skipped: a line for each file that was left out: its path and why.
    """

    address: str
    class_names: tuple[str, ...]
    train: Split
    validation: Split
    skipped: tuple[str, ...] = ()

    @property
    def num_classes(self) -> int:
        """Number of classes."""
        return len(self.class_names)
