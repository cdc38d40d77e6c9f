"""Splits of tensorflow-datasets, whose records can only be read sequentially."""

from hashlib import sha256
from io import BytesIO
from typing import Any

import tensorflow as tf
import tensorflow_datasets as tfds
from PIL import Image

from training.data.split import Example, MapImage, Split

# Size of the shuffle buffer of undecoded records: at most so many bytes, but at least so many
# records.
_BUFFER_BYTES = 1 << 29
_MIN_BUFFER_RECORDS = 4096


class RecordSplit(Split):
    """A split of a prepared data set of tensorflow-datasets.

    The seed shuffles the files, 16 of which are read in turn, and then the records, in a buffer of
    half a gigabyte; many data sets fit into it whole. A stream that starts in the middle of an
    epoch reads all records before it, without decoding them, and so does each worker.

    Args:
        builder: builder of the data set, which must be prepared.
        split: name of the split, or a part of it such as `train[:100]`.
        size: number of examples in the split.
        image: name of the feature that holds the image.
        label: name of the feature that holds the class.
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
        return min(self.size, max(fitting, _MIN_BUFFER_RECORDS))

    @property
    def digest(self) -> str:
        """SHA-256 of the data set's name, configuration and version, and of the part's name."""
        what = f"{self._builder.info.full_name} {self._split} {self.size}"
        return sha256(what.encode()).hexdigest()

    def references(self, seed: tf.Tensor | None) -> tf.data.Dataset:
        if seed is None:
            return self._numbered(self._records(None))
        shuffled = tf.autograph.experimental.do_not_convert(self._shuffled)
        return tf.data.Dataset.from_tensors(seed).flat_map(shuffled)

    def _shuffled(self, seed: tf.Tensor) -> tf.data.Dataset:
        # Dataset.shuffle mixes its seed with the global seed. Inside this graph, that is the seed
        # set here, so the order depends on `seed` alone.
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
            # Records have no identifier that all versions share, so their position serves as one.
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
        # EXIF orientation is ignored, as in the evaluations that published accuracies come from.
        with Image.open(BytesIO(stored)) as image:
            return image.convert("L" if self.image_shape[-1] == 1 else "RGB")
