import keras
import numpy as np
import pytest
import tensorflow as tf
from hypothesis import Phase, given, settings
from hypothesis import strategies as st
from PIL import Image

from tests.training.data.samples import assert_same, fill, join, numbered, take
from training.data import DataError, open_data, steps_per_epoch, train_batches


def noisy(image, seed):
    """Return the image, its index kept, with noise in the third channel."""
    noise = tf.random.stateless_uniform((1, 1, 1), seed, maxval=256, dtype=tf.int32)
    index = tf.cast(image[..., :2], tf.int32)
    return tf.concat([index, noise], -1)


def mixed(images, labels, seed):
    """Mix a batch with its reverse by one share, and add that to the labels' row."""
    share = tf.random.stateless_uniform((), seed)
    images = tf.cast(images, tf.float32)
    return images * share + images[::-1] * (1 - share), labels * share + labels[::-1] * (1 - share)


def indices(batch):
    pixels = batch[0].reshape(-1, 3).astype(int)
    return (pixels[:, 0] * 256 + pixels[:, 1]).tolist()


# An example takes half a second: too long to look for a smaller one that fails, too.
QUICK = {"deadline": None, "derandomize": True, "phases": [Phase.generate]}
sizes = st.tuples(st.integers(1, 23), st.integers(1, 7)).filter(lambda pair: pair[0] >= pair[1])


@settings(max_examples=4, **QUICK)
@given(sizes, st.integers(0, 2**31 - 1), st.integers(0, 9))
def test_batch_k_does_not_depend_on_where_the_stream_starts(size, seed, start):
    split, batch = numbered(size[0]), size[1]
    whole = take(train_batches(split, batch, seed, map_image=noisy, map_batch=mixed), start + 4)
    later = take(train_batches(split, batch, seed, start, noisy, mixed), 4)
    assert_same(whole[start:], later)


@settings(max_examples=6, **QUICK)
@given(sizes, st.integers(0, 2**31 - 1))
def test_every_epoch_is_a_permutation_cut_to_whole_batches(size, seed):
    split, batch = numbered(size[0]), size[1]
    steps = steps_per_epoch(split, batch)
    batches = take(train_batches(split, batch, seed), 3 * steps)
    for epoch in range(3):
        own = batches[epoch * steps : (epoch + 1) * steps]
        seen = [index for batch in own for index in indices(batch)]
        assert len(seen) == steps * batch
        assert len(set(seen)) == len(seen)
        assert set(seen) <= set(range(size[0]))


@settings(max_examples=3, **QUICK)
@given(
    st.integers(1, 4), st.integers(1, 3), st.integers(1, 2), st.integers(0, 5), st.integers(0, 99)
)
def test_workers_together_see_the_batches_of_one(workers, per_part, own_parts, start, seed):
    parts = workers * own_parts
    batch = parts * per_part
    split = numbered(2 * batch + 1)
    arguments = (split, batch, seed, start, noisy, mixed)
    one = take(train_batches(*arguments, parts=parts), 4)
    several = [
        take(train_batches(*arguments, shard=(i, workers), parts=parts), 4) for i in range(workers)
    ]
    assert_same(one, join(several))


def test_workers_mix_within_their_slices():
    split = numbered(32)
    one = take(train_batches(split, 8, 3, map_batch=mixed), 2)
    halves = [take(train_batches(split, 8, 3, map_batch=mixed, shard=(i, 2)), 2) for i in (0, 1)]
    assert not np.array_equal(one[0][0], join(halves)[0][0])
    assert_same(take(train_batches(split, 8, 3, map_batch=mixed, parts=2), 2), join(halves))


def test_repeats_fill_batches_are_dealt_to_parts_and_have_noise_of_their_own():
    split = numbered(41)
    batches = take(train_batches(split, 12, 3, map_image=noisy, parts=3, repeats=3), 2 * 3)
    for epoch in (batches[:3], batches[3:]):
        seen = [index for batch in epoch for index in indices(batch)]
        assert len(seen) == 3 * 12
        assert {seen.count(index) for index in seen} == {3}
        for batch in epoch:
            parts = np.reshape(indices(batch), (3, 4))
            assert [set(part) for part in parts] == [set(parts[0])] * 3
    noise = np.concatenate([images[..., 2].reshape(3, 4) for images, _ in batches], axis=1)
    # Of 24 images, about one in 85 has the same noise in two of its repeats.
    assert sum(len(set(column)) < 3 for column in noise.T.tolist()) < 4


def test_repeats_resume_and_are_shared_by_workers():
    split = numbered(41)
    options = {"map_image": noisy, "map_batch": mixed, "parts": 4, "repeats": 3}
    one = take(train_batches(split, 8, 5, **options), 9)
    assert_same(one[3:], take(train_batches(split, 8, 5, 3, **options), 6))
    halves = [take(train_batches(split, 8, 5, shard=(i, 2), **options), 9) for i in (0, 1)]
    assert_same(one, join(halves))


def test_neither_parallelism_nor_the_global_seed_changes_anything():
    split, streams = numbered(50), []
    for calls in (1, 7, tf.data.AUTOTUNE):
        keras.utils.set_random_seed(len(streams))
        stream = train_batches(split, 8, 5, 3, noisy, mixed, num_parallel_calls=calls)
        streams.append(take(stream, 20))
    assert_same(streams[0], streams[1])
    assert_same(streams[0], streams[2])


def test_epochs_and_seeds_have_orders_and_noise_of_their_own():
    split = numbered(40)
    batches = take(train_batches(split, 40, 0, map_image=noisy), 3)
    orders = [tuple(indices(batch)) for batch in batches]
    orders.append(tuple(indices(take(train_batches(split, 40, 1), 1)[0])))
    assert len(set(orders)) == 4
    noise = [
        dict(zip(indices(batch), batch[0][..., 2].ravel().tolist(), strict=True))
        for batch in batches
    ]
    # Of 40 images, about one in 256 has the same noise twice.
    assert sum(noise[0][i] == noise[1][i] for i in range(40)) < 4
    assert len(set(noise[0].values())) > 25


def test_an_image_has_its_noise_whatever_the_batch_size():
    split = numbered(24)
    noise = []
    for batch in (4, 6):
        batches = take(train_batches(split, batch, 9, map_image=noisy), 24 // batch)
        noise.append(np.concatenate([images for images, _ in batches]))
    np.testing.assert_array_equal(*noise)


def test_seeds_are_two_integers_and_labels_one_hot():
    seen = []

    def look(image, seed):
        seen.append((image.shape, image.dtype, seed.shape, seed.dtype))
        return image

    def look_at_batch(images, labels, seed):
        seen.append((labels.dtype, seed.shape, seed.dtype))
        return images, labels

    [(images, labels)] = take(train_batches(numbered(8), 4, 0, 0, look, look_at_batch), 1)
    assert seen == [((1, 1, 3), tf.uint8, (2,), tf.int32), (tf.float32, (2,), tf.int32)]
    np.testing.assert_array_equal(labels.argmax(1), np.array(indices((images, labels))) % 4)
    np.testing.assert_array_equal(labels.sum(1), 1)


def test_mixes_differ_from_step_to_step():
    def share(images, labels, seed):
        return tf.random.stateless_uniform((4,), seed), labels

    batches = take(train_batches(numbered(8), 4, 0, map_batch=share), 6)
    assert len({tuple(images) for images, _ in batches}) == 6


def test_the_stream_is_for_fit_and_says_that_it_does_not_end():
    data = open_data("digits")
    stream = train_batches(data.train, 64, seed=0)
    assert stream.cardinality() == tf.data.INFINITE_CARDINALITY
    model = keras.Sequential([keras.Input((8, 8, 1)), keras.layers.Flatten()])
    model.add(keras.layers.Rescaling(1 / 255))
    model.add(keras.layers.Dense(10, activation="softmax"))
    model.compile(
        optimizer=keras.optimizers.Adam(0.02),
        loss="categorical_crossentropy",
        metrics=["accuracy"],
    )
    steps = steps_per_epoch(data.train, 64)
    history = model.fit(stream, steps_per_epoch=steps, epochs=2, shuffle=False, verbose=0)
    assert history.history["accuracy"][-1] > 0.5  # It is about 0.9, and 0.1 by chance.


@pytest.mark.parametrize("suffix", ["jpg", "png"])
def test_folders_stream_as_arrays_do(tmp_path, suffix):
    fill(tmp_path, 6, suffix=suffix)
    split = open_data(f"folder:{tmp_path}").train

    def shrink(image, seed):
        if image.dtype == tf.string:
            image = tf.io.decode_jpeg(image, 3)
        corner = tf.random.stateless_uniform((), seed, maxval=5, dtype=tf.int32)
        return image[corner : corner + 8, :8]

    one = take(train_batches(split, 4, 0, map_image=shrink), 7)
    assert_same(one[5:], take(train_batches(split, 4, 0, 5, shrink), 2))
    halves = [take(train_batches(split, 4, 0, 0, shrink, shard=(i, 2)), 7) for i in (0, 1)]
    assert_same(one, join(halves))


def test_jpegs_without_a_map_have_the_pixels_of_evaluation(tmp_path):
    # Noise without a smooth part is what fast and accurate decoders differ in.
    noise = np.random.default_rng(0).integers(0, 256, (4, 16, 16), dtype=np.uint8)
    for name in ("cat", "dog"):
        (tmp_path / name).mkdir()
        for i, pixels in enumerate(noise):
            Image.fromarray(pixels).convert("RGB").save(tmp_path / name / f"{i}.jpg", quality=95)
    split = open_data(f"folder:{tmp_path}").train
    assert split._plain.all()
    split.image_shape = (16, 16, 3)  # As of a data set whose images have one size.
    [(images, _)] = train_batches(split, split.size, 0).take(1)
    expected = [np.asarray(split.open(path)) for path in split._paths]
    assert sorted(image.numpy().tobytes() for image in images) == sorted(
        image.tobytes() for image in expected
    )


def test_only_the_own_slice_is_decoded():
    decoded = []

    def note(image, seed):
        tf.numpy_function(lambda pixels: decoded.append(int(pixels[0, 0, 1])), [image], [])
        return image

    split = numbered(16)
    [batch] = take(
        train_batches(split, 16, 0, map_image=note, shard=(1, 4), num_parallel_calls=1), 1
    )
    assert set(decoded[:4]) == set(indices(batch))
    whole = indices(take(train_batches(split, 16, 0), 1)[0])
    assert decoded[:4] == whole[4:8]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"batch_size": 0}, "batch_size must be at least 1; received 0."),
        ({"repeats": 0}, "repeats must be at least 1; received 0."),
        ({"seed": -1}, "seed must be from 0 to 2**31 - 1; received -1."),
        ({"seed": 2**31}, "seed must be from 0 to 2**31 - 1; received 2147483648."),
        ({"start_step": -2}, "start_step must be at least 0; received -2."),
        (
            {"shard": (2, 2)},
            "shard must be (index, count) with 0 <= index < count; received (2, 2).",
        ),
        (
            {"shard": (0, 3)},
            "A batch of 4 can't be divided into 3 equal parts; take a batch size that is a "
            "multiple of 3.",
        ),
        (
            {"shard": (0, 4), "parts": 2},
            "2 parts of a batch can't be divided evenly among 4 workers; take a multiple of 4 "
            "parts.",
        ),
    ],
)
def test_arguments_out_of_range_are_refused(arguments, message):
    with pytest.raises(ValueError) as caught:  # noqa: PT011
        train_batches(**{"split": numbered(8), "batch_size": 4, "seed": 0, **arguments})
    assert str(caught.value) == message


def test_too_few_examples_are_refused():
    with pytest.raises(DataError) as caught:
        train_batches(numbered(8), 9, 0)
    assert str(caught.value) == (
        "There are 8 training images, fewer than one batch of 9; take a smaller batch."
    )


def test_images_of_several_sizes_need_a_map(tmp_path):
    fill(tmp_path, 2)
    with pytest.raises(DataError, match=r"^These images differ in size; give a map_image"):
        train_batches(open_data(f"folder:{tmp_path}").train, 2, 0)
