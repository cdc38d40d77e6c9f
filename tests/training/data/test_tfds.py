import numpy as np
import pytest
import tensorflow as tf
import tensorflow_datasets as tfds

from keras_mixers.labels import imagenet_names
from tests.training.data import sklearn_digits
from tests.training.data.samples import ManyFiles, assert_same, join, take
from training.augment import Augmentation, make_policy
from training.data import (
    DataError,
    evaluation_batches,
    open_data,
    steps_per_epoch,
    train_batches,
)
from training.data.sources import tfds as tfds_builder


def message_of(address, folder, **arguments):
    with pytest.raises(DataError) as caught:
        open_data(address, folder, **arguments)
    return str(caught.value)


def by_number(image, seed):
    """Return an image of one pixel: its number, and noise."""
    noise = tf.random.stateless_uniform((1, 1, 1), seed, maxval=256, dtype=tf.int32)
    return tf.concat([tf.cast(image[:1, :1, :2], tf.int32), noise], -1)


def numbers(batches):
    return [int(pixels[0, 0, 0]) for images, _ in batches for pixels in images]


@pytest.fixture
def many(many_files):
    """Return 72 training images in five files, and their 18 held-out ones."""
    return open_data("tfds:many_files", many_files)


def test_a_share_is_held_out_and_labels_stay_with_their_images(many):
    assert (many.train.size, many.validation.size) == (72, 18)
    train = take(train_batches(many.train, 8, 0, map_image=by_number), 9)
    held = numbers(tfds.as_numpy(evaluation_batches(many.validation, 5, (4, 4))))
    assert sorted(numbers(train) + held) == list(range(ManyFiles.SIZE))
    assert many.class_names == ("0", "1", "2")
    for images, labels in train:
        np.testing.assert_array_equal(labels.argmax(1), images[:, 0, 0, 0] % 3)


def test_digests_tell_divisions_apart(many_files):
    found = {}
    for held_out in (0.2, 0.3):
        data = open_data("tfds:many_files", many_files, held_out)
        same = open_data("tfds:many_files", many_files, held_out)
        assert (data.train.digest, data.validation.digest) == (
            same.train.digest,
            same.validation.digest,
        )
        found |= {data.train.digest: held_out, data.validation.digest: held_out}
    assert len(found) == 4


def test_every_epoch_is_a_permutation_of_its_own(many):
    steps = steps_per_epoch(many.train, 8)
    batches = take(train_batches(many.train, 8, 0, map_image=by_number), 3 * steps)
    epochs = [numbers(batches[e * steps : (e + 1) * steps]) for e in range(3)]
    assert len({tuple(epoch) for epoch in epochs}) == 3
    assert len({tuple(sorted(epoch)) for epoch in epochs}) == 1
    assert len(set(epochs[0])) == 72
    # Neither the order of the files nor that within them, whose steps are of 5 or less: of 72
    # numbers in any order they are of 24.
    assert np.abs(np.diff(epochs[0])).mean() > 10


def test_batch_k_does_not_depend_on_where_the_stream_starts(many):
    starts = 1, 7, 8, 21  # Of epochs of 7 steps.
    whole = take(train_batches(many.train, 10, 4, map_image=by_number), max(starts) + 3)
    for start in starts:
        later = take(train_batches(many.train, 10, 4, start, by_number), 3)
        assert_same(whole[start : start + 3], later)


def test_neither_workers_nor_threads_nor_the_global_seed_change_anything(many):
    def batches(i, count, calls):
        stream = train_batches(
            many.train, 6, 4, 2, by_number, shard=(i, count), num_parallel_calls=calls
        )
        return take(stream, 14)

    tf.random.set_seed(1)
    one = batches(0, 1, calls=1)
    tf.random.set_seed(2)
    assert_same(one, join([batches(i, 3, calls=5) for i in range(3)]))


def test_prepared_digits_are_read_as_they_were_written(tmp_path):
    builder = sklearn_digits.prepare(tmp_path)
    data = open_data("tfds:sklearn_digits:1.0.0", tmp_path)
    assert (data.train.size, data.validation.size) == (1433, 364)
    assert data.train.image_shape == (8, 8, 1)
    [(images, labels)] = evaluation_batches(data.validation, 400, (8, 8))
    written = builder.as_dataset("test", batch_size=-1, as_supervised=True)
    expected, expected_labels = tfds.as_numpy(written)
    np.testing.assert_array_equal(images, expected)
    np.testing.assert_array_equal(labels, expected_labels)
    batches = take(train_batches(data.train, 64, 0), 2)
    assert batches[0][0].shape == (64, 8, 8, 1)


def test_imagenet_gives_jpeg_bytes_of_which_a_policy_decodes_a_crop(tmp_path):
    given = []
    policy = make_policy(Augmentation(), (8, 8), [0.5] * 3, [0.5] * 3)

    def crop(image, seed):
        given.append((image.dtype, image.shape))
        tf.debugging.Assert(tf.io.is_jpeg(image), [image])
        return policy.image(image, seed)

    with tfds.testing.mock_data(num_examples=10):
        data = open_data("tfds:imagenet2012", tmp_path)
        assert (data.train.size, data.validation.size) == (1_281_167, 50_000)
        assert data.class_names == imagenet_names()
        one = take(train_batches(data.train, 4, 0, map_image=crop), 4)
        assert_same(one, take(train_batches(data.train, 4, 0, map_image=crop), 4))
        validation = list(evaluation_batches(data.validation, 4, (16, 16), 0.875))
    assert set(given) == {(tf.string, ())}
    assert one[0][0].shape == (4, 8, 8, 3)
    assert one[0][0].std() > 20
    assert one[0][1].shape == (4, 1000)
    assert [images.shape[0] for images, _ in validation] == [4, 4, 2]


def test_cifar_gives_pixels(tmp_path):
    with tfds.testing.mock_data(num_examples=10):
        data = open_data("tfds:cifar10", tmp_path)
        assert (data.train.size, data.validation.size) == (50_000, 10_000)
        assert data.train.image_shape == (32, 32, 3)
        [(images, labels)] = take(train_batches(data.train, 5, 0), 1)
    assert (images.shape, images.dtype, labels.shape) == ((5, 32, 32, 3), np.uint8, (5, 10))
    assert images.std() > 50


@pytest.mark.parametrize("name", sorted(tfds_builder._SIZES))
def test_the_table_of_sizes_names_data_that_can_be_opened(tmp_path, name):
    with tfds.testing.mock_data(num_examples=1):
        data = open_data(f"tfds:{name}", tmp_path)
    assert data.train.size >= 1_000


def test_sizes_that_nobody_knows(tmp_path):
    with tfds.testing.mock_data(num_examples=1):
        message = message_of("tfds:beans", tmp_path)
    assert message == (
        "tfds:beans: tensorflow-datasets doesn't give the sizes of its splits; expected a data "
        f"set that does, or one of {', '.join(tfds_builder._SIZES)}."
    )


def test_unknown_data_offer_near_names(tmp_path):
    assert message_of("tfds:cifer10:1.0.0", tmp_path) == (
        "tensorflow-datasets has no data set 'cifer10'; did you mean cifar10, cifar100, cifar10_n."
    )
    assert message_of("tfds:qqqqqq", tmp_path) == "tensorflow-datasets has no data set 'qqqqqq'."


def test_unknown_version_or_config(tmp_path):
    assert message_of("tfds:cifar10:9.9.9", tmp_path).startswith("tfds:cifar10:9.9.9 can't be open")
    assert message_of("tfds:cifar10/red", tmp_path).startswith("tfds:cifar10/red can't be opened (")


def test_data_to_download_by_hand(tmp_path):
    message = message_of("tfds:imagenet2012", tmp_path)
    assert message.startswith(
        f"tfds:imagenet2012 must be downloaded by hand into {tmp_path}/downloads/manual: "
        "manual_dir should contain two files: ILSVRC2012_img_train.tar and ILSVRC2012_img_val.tar. "
    )
    assert "\n" not in message
    assert not [
        path for path in tmp_path.rglob("*") if not path.is_relative_to(tmp_path / "downloads")
    ]


def test_what_was_laid_there_by_hand_is_not_what_was_asked_for(tmp_path):
    (tmp_path / "downloads" / "manual").mkdir(parents=True)
    (tmp_path / "downloads" / "manual" / "cats.zip").write_bytes(b"")
    message = message_of("tfds:imagenet2012", tmp_path)
    assert f"by hand into {tmp_path}/downloads/manual: manual_dir should contain two" in message


def test_a_full_disk_is_no_missing_download(tmp_path, monkeypatch):
    def full(*_, **__):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(tfds.core.DatasetBuilder, "download_and_prepare", full)
    assert message_of("tfds:imagenet2012", tmp_path) == (
        "tfds:imagenet2012 can't be prepared ([Errno 28] No space left on device)."
    )


class FromNowhere(tfds.core.GeneratorBasedBuilder):
    """Data behind a port at which nobody listens."""

    VERSION = tfds.core.Version("1.0.0")

    def _info(self):
        features = {
            "image": tfds.features.Image(),
            "label": tfds.features.ClassLabel(num_classes=2),
        }
        return tfds.core.DatasetInfo(
            builder=self, features=tfds.features.FeaturesDict(features), disable_shuffling=False
        )

    def _split_generators(self, dl_manager):
        return {"train": self._generate_examples(dl_manager.download("http://127.0.0.1:9/x.zip"))}

    def _generate_examples(self, path):
        yield 0, {}


def test_no_network(tmp_path):
    message = message_of("tfds:from_nowhere", tmp_path)
    assert message.startswith(
        f"tfds:from_nowhere is not in {tmp_path} and can't be downloaded (HTTPConnectionPool("
    )
    assert message.endswith("); check the network connection.")
    assert "\n" not in message
    assert not list(tmp_path.rglob("*incomplete*"))


def test_data_without_images(tmp_path):
    message = message_of("tfds:ag_news_subset", tmp_path)
    assert message == (
        "tfds:ag_news_subset has the features description, label, title; expected an Image and a "
        "ClassLabel."
    )


def test_images_must_be_large_enough(tmp_path):
    with tfds.testing.mock_data(num_examples=1):
        message = message_of("tfds:cifar10", tmp_path, min_side=33)
    assert message == "tfds:cifar10: images are 32 x 32 pixels; expected sides of at least 33."
