"""Data sets of labelled images: two splits each, whose images are decoded on demand."""

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import tensorflow as tf
from PIL import Image

from keras_mixers.printable import has_controls
from keras_mixers.value_checks import excerpt
from training.errors import DataError

Example = dict[str, tf.Tensor]
MapImage = Callable[[tf.Tensor], tf.Tensor]


class Split(ABC):
    """Labelled images that are shuffled by a seed and decoded on demand.

    An example passes through three stages: `references` yields cheap references to the examples in
    their order, `fetch` turns a reference into an example with an undecoded image, and `image` (for
    training) or `stored` and `open` (for evaluation) decode it.

    Attributes:
        size: number of examples.
        num_classes: number of classes; labels are 0 to num_classes - 1.
        image_shape: (height, width, channels) of the images; None for a height or width that
            differs between images.
    """

    size: int
    num_classes: int
    image_shape: tuple[int | None, int | None, int]

    @property
    @abstractmethod
    def digest(self) -> str:
        """SHA-256 of what the examples are, in the order in which they are stored."""

    @abstractmethod
    def references(self, seed: tf.Tensor | None) -> tf.data.Dataset:
        """Return a reference to each example, shuffled by the seed.

        A reference is a dictionary with at least `id`, int64, which is unique within the order. To
        skip a reference is cheap, as no image has been decoded for it.

        Args:
            seed: (2,), int32; None: the order in which the examples are stored.
        """

    @abstractmethod
    def fetch(self, reference: Example) -> Example:
        """Return the example of a reference: its `id`, its `label` and its undecoded image."""

    @abstractmethod
    def image(self, example: Example, function: MapImage) -> tf.Tensor:
        """Return `function` applied to the image of an example.

        `function` receives the bytes of a JPEG file, a scalar string, so that it can decode just a
        crop; or the pixels (H, W, C), uint8, of any other image. If a split has both, `function`
        is traced for both.
        """

    @abstractmethod
    def stored(self, example: Example) -> tf.Tensor:
        """Return the tensor of an example that `open` takes, such as its path or its pixels."""

    @abstractmethod
    def open(self, stored: Any) -> Image.Image:
        """Return an image of mode L or RGB, decoded by Pillow, from the value of `stored`."""


@dataclass(frozen=True)
class Data:
    """Training and validation images.

    Attributes:
        address: address that the data were opened by, as `open_data` takes it.
        class_names: names of the classes, in the order of the labels.
        train: training images.
        validation: validation images; shares no example with `train`.
        skipped: one line for each file that was skipped, with its path and the reason.

    Raises:
        DataError: if the name of a class has control characters.
    """

    address: str
    class_names: tuple[str, ...]
    train: Split
    validation: Split
    skipped: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        for name in self.class_names:
            # Line breaks within a name become spaces in a file of labels.
            if has_controls(" ".join(name.split())):
                raise DataError(
                    f"{self.address} has a class named {excerpt(name)}; expected a name without "
                    "control characters; rename it."
                )

    @property
    def num_classes(self) -> int:
        """Number of classes."""
        return len(self.class_names)
