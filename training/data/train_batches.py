"""The training stream: batch k is a function of the seed and k alone.

So a run that starts again at step k continues as if it had never stopped, and n workers that take a
slice each see together what one worker sees.
"""

from collections.abc import Callable

import tensorflow as tf

from training.data.split import Example, Split
from training.errors import DataError

_ORDER, _IMAGE, _BATCH = range(3)  # What a seed is for.
_FOREVER = 2**31 - 1

MapSeededImage = Callable[[tf.Tensor, tf.Tensor], tf.Tensor]
MapSeededBatch = Callable[[tf.Tensor, tf.Tensor, tf.Tensor], tuple[tf.Tensor, tf.Tensor]]


def train_batches(
    split: Split,
    batch_size: int,
    seed: int,
    start_step: int = 0,
    map_image: MapSeededImage | None = None,
    map_batch: MapSeededBatch | None = None,
    shard: tuple[int, int] = (0, 1),
    parts: int | None = None,
    num_parallel_calls: int = tf.data.AUTOTUNE,
) -> tf.data.Dataset:
    """Return batches (images, one-hot labels) without end, each a function of seed and step alone.

    The size // batch_size batches of an epoch hold no example twice; what remains of the epoch is
    left out, and the next has an order of its own. `model.fit` needs `steps_per_epoch`.

    For batch k to be what it should, `map_image` and `map_batch` must draw all chance from the
    seeds they are given, as TensorFlow's `tf.random.stateless_*` do.

    Args:
        split: examples to train with.
        batch_size: over all workers.
        seed: from 0 to 2**31 - 1.
        start_step: the first batch to return; those before it are skipped undecoded.
        map_image: of (image, seed (2,), int32), where an image is pixels (H, W, C), uint8, or the
            bytes of a JPEG file; returns images of one shape. None: only decodes.
        map_batch: of (images, one-hot labels (B, classes), float32, seed (2,), int32); returns
            images and labels.
        shard: index of this worker, and the number of workers. A worker decodes its own slice of
            each batch, batch_size / workers examples.
        parts: `map_batch` is applied to so many slices of a batch, each with its own seed; one a
            worker, if None. Workers that mix examples are equal to one that has as many `parts`.
        num_parallel_calls: how many images are mapped at once; does not change them.

    Returns:
        Images (batch_size / workers, ...) as `map_image` returns them, and labels (..., classes),
        float32.

    Raises:
        DataError: if there are fewer examples than a batch takes, or images of several sizes and
            no `map_image`.
        ValueError: if an argument is out of its range, or the batch can't be divided evenly.

    >>> from training.data import open_data
    >>> digits = open_data("digits").train
    >>> _, whole = next(iter(train_batches(digits, 8, seed=1)))
    >>> _, second_half = next(iter(train_batches(digits, 8, seed=1, shard=(1, 2))))
    >>> bool(tf.reduce_all(whole[4:] == second_half))
    True
    """
    index, count = shard
    parts = count if parts is None else parts
    _check(batch_size, seed, start_step, shard, parts)
    if map_image is None and None in split.image_shape:
        raise DataError("These images differ in size: give a map_image that makes them equal.")
    steps = steps_per_epoch(split, batch_size)
    own, part_size = parts // count, batch_size // parts

    def example(epoch: tf.Tensor, reference: Example) -> tuple[tf.Tensor, tf.Tensor]:
        example = split.fetch(reference)
        image_seed = _fold(seed, _IMAGE, epoch, example["id"])

        def mapped(image: tf.Tensor) -> tf.Tensor:
            if map_image is None:
                return image if image.dtype != tf.string else _pixels(image, split)
            return map_image(image, image_seed)

        image = split.image(example, mapped)
        return image, tf.one_hot(example["label"], split.num_classes)

    def mixed(i: tf.Tensor, batch: tuple[tf.Tensor, tf.Tensor]) -> tuple[tf.Tensor, tf.Tensor]:
        if map_batch is None:
            return batch
        step, part = start_step + i // own, index * own + i % own
        return map_batch(*batch, _fold(seed, _BATCH, step, part))

    references = _references(split, batch_size, steps, seed, start_step, shard)
    batches = references.map(example, num_parallel_calls=num_parallel_calls, deterministic=True)
    batches = batches.batch(part_size, drop_remainder=True).enumerate()
    batches = batches.map(mixed, num_parallel_calls=num_parallel_calls, deterministic=True)
    if own > 1:
        batches = batches.batch(own, drop_remainder=True).map(_joined)
    batches = batches.apply(tf.data.experimental.assert_cardinality(tf.data.INFINITE_CARDINALITY))
    options = tf.data.Options()
    options.deterministic = True
    # Workers have their slices already.
    options.experimental_distribute.auto_shard_policy = tf.data.experimental.AutoShardPolicy.OFF
    return batches.with_options(options).prefetch(tf.data.AUTOTUNE)


def steps_per_epoch(split: Split, batch_size: int) -> int:
    """Return how many full batches an epoch has.

    Raises:
        DataError: if there is none.

    >>> from training.data import open_data
    >>> steps_per_epoch(open_data("digits").train, 64)
    22
    """
    if batch_size > split.size:
        raise DataError(
            f"There are {split.size} examples to train with, fewer than one batch of {batch_size}; "
            "take a smaller batch."
        )
    return split.size // batch_size


def _references(
    split: Split, batch_size: int, steps: int, seed: int, start_step: int, shard: tuple[int, int]
) -> tf.data.Dataset:
    """Return a worker's references (epoch, reference), from `start_step` on."""
    first, done = divmod(start_step, steps)
    index, count = shard
    slice_size = batch_size // count

    def own(position: tf.Tensor, _: Example) -> tf.Tensor:
        return position % batch_size // slice_size == index

    def second(_: tf.Tensor, reference: Example) -> Example:
        return reference

    def epoch(number: tf.Tensor) -> tf.data.Dataset:
        references = split.references(_fold(seed, _ORDER, number)).take(steps * batch_size)
        skipped = tf.where(number == first, done * batch_size, 0)
        references = references.skip(tf.cast(skipped, tf.int64))
        if count > 1:
            references = references.enumerate().filter(own).map(second)
        return references.map(lambda reference: (number, reference))

    # What a split does to make its references is no business of autograph's.
    epoch = tf.autograph.experimental.do_not_convert(epoch)
    return tf.data.Dataset.range(first, _FOREVER).flat_map(epoch)


def _fold(seed: int, use: int, *numbers: tf.Tensor) -> tf.Tensor:
    """Return a seed (2,), int32, for a use of another one and some numbers."""
    folded = tf.constant([seed, use], tf.int32)
    for number in numbers:
        folded = tf.random.experimental.stateless_fold_in(folded, tf.cast(number, tf.int32))
    return folded


def _pixels(jpeg: tf.Tensor, split: Split) -> tf.Tensor:
    return tf.ensure_shape(tf.io.decode_jpeg(jpeg, split.image_shape[-1]), split.image_shape)


def _joined(images: tf.Tensor, labels: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """Make one batch of several: (parts, B, ...) becomes (parts * B, ...)."""
    return (
        tf.reshape(images, [-1, *images.shape[2:]]),
        tf.reshape(labels, [-1, *labels.shape[2:]]),
    )


def _check(batch_size: int, seed: int, start_step: int, shard: tuple[int, int], parts: int) -> None:
    index, count = shard
    if batch_size < 1:
        raise ValueError(f"batch_size must be at least 1; received {batch_size}.")
    if not 0 <= seed < 2**31:
        raise ValueError(f"seed must be from 0 to 2**31 - 1; received {seed}.")
    if start_step < 0:
        raise ValueError(f"start_step must be at least 0; received {start_step}.")
    if not 0 <= index < count:
        raise ValueError(f"shard must be (index, count) with 0 <= index < count; received {shard}.")
    if parts < 1 or batch_size % parts:
        raise ValueError(
            f"A batch of {batch_size} can't be divided into {parts} equal parts; take a multiple."
        )
    if parts % count:
        raise ValueError(
            f"{parts} parts of a batch can't be shared out evenly to {count} workers; take a "
            "multiple."
        )
