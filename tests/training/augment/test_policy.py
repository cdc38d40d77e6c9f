"""What every policy promises: shapes and types, and the reference one that seeds decide alone."""

import subprocess
import sys
from collections.abc import Callable

import keras
import numpy as np
import pytest
import tensorflow as tf

from tests.training.augment.pictures import encoded, picture
from training.augment import Augmentation, Policy, make_policy
from training.data import train_batches
from training.data.random_access import ArraySplit

MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
SIZE = (24, 32)
EVERYTHING = Augmentation(
    interpolation="bicubic",
    rand_layers=1,
    rand_magnitude_std=0.5,
    rand_probability=0.5,
    color_jitter=0.3,
    mixup=0.8,
    cutmix=1.0,
    erase=0.25,
)
SEED = tf.constant([0, 1])


def policy_of(settings: Augmentation, size: tuple[int, int] = SIZE) -> Policy:
    return make_policy(settings, size, MEAN, STD)


def stream(policy: Policy, **arguments) -> list[tuple[np.ndarray, np.ndarray]]:
    """Return five batches of a training stream, three of them of its first epoch."""
    images = np.stack([picture(30, 40, seed=k) for k in range(26)])
    split = ArraySplit(images, np.arange(26) % 3, 3)
    arguments = {"batch_size": 8, "seed": 6, "parts": 2, **arguments}
    batches = train_batches(split, map_image=policy.image, map_batch=policy.batch, **arguments)
    return [tuple(map(np.asarray, batch)) for batch in batches.take(5)]


def assert_same(ones: list, others: list) -> None:
    assert len(ones) == len(others) > 0
    for one, other in zip(ones, others, strict=True):
        for a, b in zip(one, other, strict=True):
            np.testing.assert_array_equal(a, b)


@pytest.fixture(scope="module")
def expected() -> list[tuple[np.ndarray, np.ndarray]]:
    """Return the batches of the reference policy, image after image."""
    return stream(policy_of(EVERYTHING), num_parallel_calls=1)


def test_batches_hold_what_was_asked_for(expected: list) -> None:
    for images, labels in expected:
        assert (images.shape, labels.shape) == ((8, *SIZE, 3), (8, 3))
        assert (images.dtype, labels.dtype) == (np.float32, np.float32)
        np.testing.assert_allclose(labels.sum(1), 1, atol=1e-6)
    # They are mixed, and erased by noise that is not clipped.
    assert any(((labels > 0) & (labels < 1)).any() for _, labels in expected)
    assert min(images.min() for images, _ in expected) < 0


def test_neither_threads_nor_global_seed_nor_start_nor_shard_change_anything(
    expected: list,
) -> None:
    """Both shards, and each of these alone: tests/training/data/test_train_batches.py."""
    keras.utils.set_random_seed(99)
    second_half = stream(policy_of(EVERYTHING), shard=(1, 2), start_step=2, num_parallel_calls=4)
    assert_same([(images[4:], labels[4:]) for images, labels in expected[2:]], second_half[:3])


def test_an_image_is_new_each_epoch_and_the_same_each_time() -> None:
    policy = policy_of(EVERYTHING)
    image = tf.constant(picture(30, 40))
    looks = [policy.image(image, tf.constant([epoch, 5])).numpy() for epoch in range(4)]
    assert len({look.tobytes() for look in looks}) == 4
    np.testing.assert_array_equal(policy.image(image, tf.constant([3, 5])), looks[3])


@pytest.mark.parametrize(
    ("settings", "changed"),
    [
        (Augmentation(crop="none", flip=1.0), lambda image: image[:, ::-1]),
        (Augmentation(crop="none", flip=0.0), lambda image: image),
        (Augmentation(policy="none", rand_layers=2, mixup=1.0), lambda image: image),
    ],
)
def test_flip_and_nothing(settings: Augmentation, changed: Callable) -> None:
    image = picture(*SIZE)
    found = policy_of(settings).image(tf.constant(image), SEED)
    assert found.dtype == tf.float32
    np.testing.assert_array_equal(found, changed(image))


def test_without_mixing_batches_stay_and_labels_may_be_of_any_kind() -> None:
    images = tf.constant(np.stack([picture(*SIZE, seed=k) for k in range(3)]))
    found, labels = policy_of(Augmentation()).batch(images, tf.constant([2, 0, 1]), SEED)
    np.testing.assert_array_equal(found, images)
    np.testing.assert_array_equal(labels, [2, 0, 1])


def test_erasing_follows_mixing_and_may_be_by_the_mean_colour() -> None:
    """So an erased pixel is noise alone, and labels are those of what was mixed."""
    images = tf.fill((2, *SIZE, 3), -1000.0)
    settings = Augmentation(mixup=1.0, erase=1.0, erase_fill="mean")
    found, _ = policy_of(settings).batch(images, tf.eye(2), SEED)
    erased = found.numpy()[(found.numpy() > -999).all(-1)]
    assert len(erased) > 0
    np.testing.assert_allclose(erased, np.broadcast_to(255 * np.float32(MEAN), erased.shape))


def test_files_and_their_pixels_look_the_same() -> None:
    image = picture(30, 40)
    policy = policy_of(EVERYTHING)
    found = policy.image(tf.constant(encoded(image, "PNG")), SEED)
    np.testing.assert_array_equal(found, policy.image(tf.constant(image), SEED))


def test_images_may_be_grey() -> None:
    policy = make_policy(EVERYTHING, SIZE, MEAN[:1], STD[:1])
    images = [policy.image(tf.constant(picture(30, 40, 1)), tf.constant([0, k])) for k in (0, 1)]
    mixed, _ = policy.batch(tf.stack(images), tf.eye(2), SEED)
    assert mixed.shape == (2, *SIZE, 1)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"size": (32,)}, "size must be (height, width) in pixels; received (32,)."),
        ({"size": (0, 32)}, "size must be (height, width) in pixels; received (0, 32)."),
        (
            {"mean": (0.5, 0.5), "std": (0.5, 0.5)},
            "mean and std must hold one number per channel, for 1 or 3 channels; received 2 and 2.",
        ),
        (
            {"std": (0.5,)},
            "mean and std must hold one number per channel, for 1 or 3 channels; received 3 and 1.",
        ),
    ],
)
def test_what_makes_no_sense_is_refused(arguments: dict, message: str) -> None:
    arguments = {"size": SIZE, "mean": MEAN, "std": STD, **arguments}
    with pytest.raises(ValueError, match="must") as caught:
        make_policy(Augmentation(), **arguments)
    assert str(caught.value) == message


@pytest.mark.parametrize(
    ("seed", "received"),
    [(tf.constant(3), "int32 ()"), (tf.constant([1.0, 2.0]), "float32 (2,)")],
)
def test_seeds_are_two_integers(seed: tf.Tensor, received: str) -> None:
    with pytest.raises(ValueError, match="seed") as caught:
        policy_of(Augmentation()).image(tf.constant(picture(*SIZE)), seed)
    assert str(caught.value) == (
        f"seed must be two integers, int32 or int64 (2,); received {received}."
    )


def test_batches_are_of_the_models_size() -> None:
    with pytest.raises(ValueError, match="images") as caught:
        policy_of(Augmentation()).batch(tf.zeros((2, 8, 8, 3)), tf.eye(2), SEED)
    assert str(caught.value) == (
        "The images must be (batch, 24, 32, 3), as `image` returns them; received (2, 8, 8, 3)."
    )


def test_settings_can_be_read_without_tensorflow() -> None:
    script = "import sys, training.augment; print({*sys.modules} & {'keras', 'tensorflow'})"
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "set()"
