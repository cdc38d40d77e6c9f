"""The training stream: batch k is a function of the seed and k alone.

A run that resumes at step k therefore continues as if it had never stopped, and several workers,
each of which takes a slice of every batch, together see what a single worker would see.
"""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import tensorflow as tf

from training.data.split import Example, Split
from training.errors import DataError

_ORDER, _IMAGE, _BATCH = range(3)  # Purposes that seeds are derived for.
_NUM_EPOCHS = 2**31 - 1  # In practice, without end.

MapSeededImage = Callable[[tf.Tensor, tf.Tensor], tf.Tensor]
MapSeededBatch = Callable[[tf.Tensor, tf.Tensor, tf.Tensor], tuple[tf.Tensor, tf.Tensor]]


class Batch(NamedTuple):
    """How a batch is made up: examples, parts that are mixed apart, and repeats of an example."""

    size: int
    parts: int
    repeats: int


def train_batches(
    split: Split,
    batch_size: int,
    seed: int,
    start_step: int = 0,
    map_image: MapSeededImage | None = None,
    map_batch: MapSeededBatch | None = None,
    shard: tuple[int, int] = (0, 1),
    parts: int | None = None,
    repeats: int = 1,
    num_parallel_calls: int = tf.data.AUTOTUNE,
) -> tf.data.Dataset:
    """Return an endless stream of batches (images, one-hot labels), determined by seed and step.

    Each epoch has its own order and size // batch_size batches, in which no example occurs twice
    unless it is repeated; the remaining examples are left out. Pass `steps_per_epoch` to
    `model.fit`.

    For the stream to be deterministic, `map_image` and `map_batch` must draw all random numbers
    from the seeds that they are given, as TensorFlow's `tf.random.stateless_*` functions do.

    Args:
        split: training examples.
        batch_size: number of images per batch, over all workers.
        seed: from 0 to 2**31 - 1.
        start_step: index of the first batch to return; earlier ones are skipped without decoding.
        map_image: function of an image and a seed, int32 (2,), that returns images of one shape.
            The image is either pixels (H, W, C), uint8, or the bytes of a JPEG file. None: images
            are only decoded.
        map_batch: function of images, one-hot labels (B, classes), float32, and a seed, int32
            (2,), that returns images and labels. None: batches are left as they are.
        shard: index of this worker and number of workers. A worker decodes its own slice of each
            batch, batch_size / workers examples.
        parts: number of equal slices of a batch to which `map_batch` is applied separately, each
            with its own seed; None: one per worker. With the same `parts`, any number of workers
            sees the same examples as one.
        repeats: number of times that each example occurs, one after the other, with a seed of its
            own each time, as in DeiT's repeated augmentation. Repeats are dealt out to the parts,
            so that they aren't mixed with each other if there are as many. An epoch has as many
            batches as without, and so sees 1 / repeats of the examples.
        num_parallel_calls: number of images to map in parallel; does not affect the result.

    Returns:
        Images (batch_size / workers, ...) as `map_image` returns them, and labels (..., classes),
        float32.

    Raises:
        DataError: if there are fewer examples than one batch, or the images differ in size and
            there is no `map_image`.
        ValueError: if an argument is out of range, or the batch can't be divided evenly.

    >>> from training.data import open_data
    >>> digits = open_data("digits").train
    >>> _, whole = next(iter(train_batches(digits, 8, seed=1)))
    >>> _, second_half = next(iter(train_batches(digits, 8, seed=1, shard=(1, 2))))
    >>> bool(tf.reduce_all(whole[4:] == second_half))
    True
    """
    index, count = shard
    parts = count if parts is None else parts
    _check_arguments(batch_size, seed, start_step, shard, parts, repeats)
    if map_image is None and None in split.image_shape:
        raise DataError(
            "These images differ in size; give a map_image that returns all in one size."
        )
    steps = steps_per_epoch(split, batch_size)
    own_parts, part_size = parts // count, batch_size // parts

    def load_example(
        epoch: tf.Tensor, reference: Example, repeat: tf.Tensor
    ) -> tuple[tf.Tensor, tf.Tensor]:
        example = split.fetch(reference)
        own = (repeat,) if repeats > 1 else ()
        image_seed = _derive_seed(seed, _IMAGE, epoch, example["id"], *own)

        def map_or_decode(image: tf.Tensor) -> tf.Tensor:
            if map_image is None:
                return image if image.dtype != tf.string else _decode_jpeg(image, split)
            return map_image(image, image_seed)

        image = split.image(example, map_or_decode)
        return image, tf.one_hot(example["label"], split.num_classes)

    def map_part(i: tf.Tensor, batch: tuple[tf.Tensor, tf.Tensor]) -> tuple[tf.Tensor, tf.Tensor]:
        if map_batch is None:
            return batch
        step, part = start_step + i // own_parts, index * own_parts + i % own_parts
        return map_batch(*batch, _derive_seed(seed, _BATCH, step, part))

    batch = Batch(batch_size, parts, repeats)
    references = _references(split, batch, steps, seed, start_step, shard)
    batches = references.map(
        load_example, num_parallel_calls=num_parallel_calls, deterministic=True
    )
    batches = batches.batch(part_size, drop_remainder=True).enumerate()
    batches = batches.map(map_part, num_parallel_calls=num_parallel_calls, deterministic=True)
    if own_parts > 1:
        batches = batches.batch(own_parts, drop_remainder=True).map(_join_parts)
    batches = batches.apply(tf.data.experimental.assert_cardinality(tf.data.INFINITE_CARDINALITY))
    options = tf.data.Options()
    options.deterministic = True
    # The stream is already divided among the workers.
    options.experimental_distribute.auto_shard_policy = tf.data.experimental.AutoShardPolicy.OFF
    return batches.with_options(options).prefetch(tf.data.AUTOTUNE)


def steps_per_epoch(split: Split, batch_size: int) -> int:
    """Return the number of full batches in an epoch.

    Raises:
        DataError: if there are fewer examples than one batch.

    >>> from training.data import open_data
    >>> steps_per_epoch(open_data("digits").train, 64)
    22
    """
    if batch_size > split.size:
        raise DataError(
            f"There are {split.size} training images, fewer than one batch of {batch_size}; take a "
            "smaller batch."
        )
    return split.size // batch_size


def _references(
    split: Split, batch: Batch, steps: int, seed: int, start_step: int, shard: tuple[int, int]
) -> tf.data.Dataset:
    """Return (epoch, reference, repeat) of a worker's examples, from `start_step` on."""
    first, done = divmod(start_step, steps)
    index, count = shard
    slice_size = batch.size // count

    def is_own(position: tf.Tensor, _: tuple[Example, tf.Tensor]) -> tf.Tensor:
        return position % batch.size // slice_size == index

    def references_of_epoch(epoch: tf.Tensor) -> tf.data.Dataset:
        references = split.references(_derive_seed(seed, _ORDER, epoch))
        references = _repeat_each(references, batch.repeats).take(steps * batch.size)
        skipped = tf.where(epoch == first, done * batch.size, 0)
        references = references.skip(tf.cast(skipped, tf.int64))
        if batch.repeats > 1:
            references = _deal(references, batch)
        if count > 1:
            references = references.enumerate().filter(is_own).map(lambda _, pair: pair)
        return references.map(lambda reference, repeat: (epoch, reference, repeat))

    # The Python code of a split must not be converted by AutoGraph.
    references_of_epoch = tf.autograph.experimental.do_not_convert(references_of_epoch)
    return tf.data.Dataset.range(first, _NUM_EPOCHS).flat_map(references_of_epoch)


def _repeat_each(references: tf.data.Dataset, repeats: int) -> tf.data.Dataset:
    """Return pairs (reference, index of its repeat), all of a reference together."""
    if repeats == 1:
        return references.map(lambda reference: (reference, 0))

    def repeat(reference: Example) -> tuple[Example, tf.Tensor]:
        copies = {name: tf.stack([value] * repeats) for name, value in reference.items()}
        return copies, tf.range(repeats)

    return references.map(repeat).unbatch()


def _deal(references: tf.data.Dataset, batch: Batch) -> tf.data.Dataset:
    """Deal the references of each batch out to its parts, one to each in turn."""
    order = np.arange(batch.size).reshape(-1, batch.parts).T.ravel()

    def reorder(*columns: Example | tf.Tensor) -> tuple:
        return tf.nest.map_structure(lambda column: tf.gather(column, order), columns)

    return references.batch(batch.size).map(reorder).unbatch()


def _derive_seed(seed: int, purpose: int, *numbers: tf.Tensor) -> tf.Tensor:
    """Derive a seed, int32 (2,), from the run's seed, a purpose and some numbers."""
    folded = tf.constant([seed, purpose], tf.int32)
    for number in numbers:
        folded = tf.random.experimental.stateless_fold_in(folded, tf.cast(number, tf.int32))
    return folded


def _decode_jpeg(jpeg: tf.Tensor, split: Split) -> tf.Tensor:
    # Pillow, which decodes for evaluation, computes as accurately; TensorFlow's default doesn't.
    pixels = tf.io.decode_jpeg(jpeg, split.image_shape[-1], dct_method="INTEGER_ACCURATE")
    return tf.ensure_shape(pixels, split.image_shape)


def _join_parts(images: tf.Tensor, labels: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """Join the parts of a batch: (parts, B, ...) becomes (parts * B, ...)."""
    return (
        tf.reshape(images, [-1, *images.shape[2:]]),
        tf.reshape(labels, [-1, *labels.shape[2:]]),
    )


def _check_arguments(
    batch_size: int,
    seed: int,
    start_step: int,
    shard: tuple[int, int],
    parts: int,
    repeats: int,
) -> None:
    index, count = shard
    if batch_size < 1:
        raise ValueError(f"batch_size must be at least 1; received {batch_size}.")
    if repeats < 1:
        raise ValueError(f"repeats must be at least 1; received {repeats}.")
    if not 0 <= seed < 2**31:
        raise ValueError(f"seed must be from 0 to 2**31 - 1; received {seed}.")
    if start_step < 0:
        raise ValueError(f"start_step must be at least 0; received {start_step}.")
    if not 0 <= index < count:
        raise ValueError(f"shard must be (index, count) with 0 <= index < count; received {shard}.")
    if parts < 1 or batch_size % parts:
        raise ValueError(
            f"A batch of {batch_size} can't be divided into {parts} equal parts; take a batch size "
            f"that is a multiple of {parts}."
        )
    if parts % count:
        raise ValueError(
            f"{parts} parts of a batch can't be divided evenly among {count} workers; take a "
            f"multiple of {count} parts."
        )
