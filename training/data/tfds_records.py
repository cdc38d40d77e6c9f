"""Splits of tensorflow-datasets, whose records can only be read one after the other."""

from io import BytesIO
from typing import Any

import tensorflow as tf
import tensorflow_datasets as tfds
from PIL import Image

from training.data.split import Example, MapImage, Split

# Undecoded records that are held at once to shuffle them, in bytes and in number.
_BUFFER_BYTES = 1 << 29
_LEAST_BUFFER = 4096


class RecordSplit(Split):
    """A split of prepared data.

    A seed shuffles the files, of which 16 are read in turn, and the records in a buffer of half a
    gigabyte, which holds many data sets whole. Records are read again, undecoded, up to where a
    stream starts, and by each worker.

    Args:
        builder: whose data are prepared.
        split: its name, or a part such as `train[:100]`.
        size: number of its examples.
        image: name of the feature that holds an image.
        label: name of the feature that holds its class.
    """

    def __init__(self, builder: Any, split: str, size: int, image: str, label: str):
        feature = builder.info.features[image]
        self.size = size
        self.num_classes = builder.info.features[label].num_classes
        self.image_shape = feature.shape
        self._builder, self._split, self._keys = builder, split, (image, label)
        self._jpeg = feature.encoding_format == "jpeg"
        self._buffer = self._buffer_size()

    def _buffer_size(self) -> int:
        splits = self._builder.info.splits.values()
        total = sum(split.num_examples for split in splits)
        size = sum(split.num_bytes for split in splits)
        fitting = _BUFFER_BYTES * total // size if size else 0
        return min(self.size, max(fitting, _LEAST_BUFFER))

    def references(self, seed: tf.Tensor | None) -> tf.data.Dataset:
        if seed is None:
            return self._numbered(self._records(None))
        shuffled = tf.autograph.experimental.do_not_convert(self._shuffled)
        return tf.data.Dataset.from_tensors(seed).flat_map(shuffled)

    def _shuffled(self, seed: tf.Tensor) -> tf.data.Dataset:
        # Dataset.shuffle adds the program's global seed to its own; here it is this graph's, and
        # so the order depends on `seed` alone.
        tf.compat.v1.set_random_seed(1)
        files, records = tf.unstack(tf.cast(seed, tf.int64))
        shuffled = self._records(files).shuffle(
            self._buffer, seed=records, reshuffle_each_iteration=False
        )
        return self._numbered(shuffled)

    def _records(self, seed: tf.Tensor | None) -> tf.data.Dataset:
        image, label = self._keys
        return self._builder.as_dataset(
            split=self._split,
            shuffle_files=seed is not None,
            read_config=tfds.ReadConfig(
                shuffle_seed=seed,
                shuffle_reshuffle_each_iteration=False,
                try_autocache=False,
                skip_prefetch=True,
            ),
            decoders=tfds.decode.PartialDecoding(
                {image: True, label: True}, decoders={image: tfds.decode.SkipDecoding()}
            ),
        )

    def _numbered(self, records: tf.data.Dataset) -> tf.data.Dataset:
        image, label = self._keys

        def numbered(number: tf.Tensor, record: Example) -> Example:
            # A record has no name that all versions keep; its place in the order is one.
            return {"id": number, "image": record[image], "label": record[label]}

        return records.enumerate().map(numbered)

    def fetch(self, reference: Example) -> Example:
        return reference

    def image(self, example: Example, function: MapImage) -> tf.Tensor:
        if self._jpeg:
            return function(example["image"])
        channels = self.image_shape[-1]
        pixels = tf.io.decode_image(example["image"], channels, expand_animations=False)
        return function(tf.ensure_shape(pixels, self.image_shape))

    def stored(self, example: Example) -> tf.Tensor:
        return example["image"]

    def open(self, stored: bytes) -> Image.Image:
        # Not upright where EXIF says otherwise: published accuracies were not measured so.
        with Image.open(BytesIO(stored)) as image:
            return image.convert("L" if self.image_shape[-1] == 1 else "RGB")
