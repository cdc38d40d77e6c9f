"""keras-cv's layers where they are right, what takes the place of the others, and why."""

import builtins
import sys

import keras
import keras_cv
import numpy as np
import pytest
import tensorflow as tf

from tests.training.augment.pictures import encoded, picture
from training.augment import Augmentation, make_policy
from training.augment.keras_cv_policy import KerasCVPolicy
from training.data import train_batches
from training.data.random_access import ArraySplit

pytestmark = pytest.mark.usefixtures("fresh_kernels")  # keras-cv draws with `tf.random.uniform`.

MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
SIZE = (24, 32)
EVERYTHING = Augmentation(policy="keras_cv", rand_layers=1, mixup=0.8, cutmix=1.0, erase=0.5)
SEED = tf.constant([0, 1])
# Image k is filled with k, and its label is class k: the pixels tell the label.
BATCH = 16
IMAGES = tf.broadcast_to(tf.range(BATCH, dtype=tf.float32)[:, None, None, None], (BATCH, *SIZE, 3))


def policy_of(settings: Augmentation, mean: tuple = MEAN, std: tuple = STD) -> KerasCVPolicy:
    policy = make_policy(settings, SIZE, mean, std)
    assert isinstance(policy, KerasCVPolicy)
    return policy


def label_errors(images: tf.Tensor, labels: tf.Tensor) -> np.ndarray:
    """Return how far each label is from the shares of pixels that are really seen, (B,)."""
    images = np.asarray(images)
    seen = np.stack([np.mean(images == k, axis=(1, 2, 3)) for k in range(BATCH)], axis=-1)
    return np.abs(np.asarray(labels) - seen).max(1)


def test_cutmix_labels_of_keras_cv_are_wrong_and_ours_are_exact() -> None:
    """Its rectangle is cut off at the edge, and its labels do not know: ours takes its place."""
    theirs = keras_cv.layers.CutMix(alpha=1.0)({"images": IMAGES, "labels": tf.eye(BATCH)})
    assert label_errors(theirs["images"], theirs["labels"]).max() > 0.1
    policy = policy_of(Augmentation(policy="keras_cv", cutmix=1.0))
    errors = [
        label_errors(*policy.batch(IMAGES, tf.eye(BATCH), tf.constant([1, k]))) for k in range(20)
    ]
    assert np.max(errors) < 1e-6
    _, labels = policy.batch(IMAGES, tf.eye(BATCH), SEED)
    assert ((labels.numpy() > 0) & (labels.numpy() < 1)).any()


def test_cutmix_is_the_references() -> None:
    settings = Augmentation(policy="keras_cv", cutmix=1.0)
    ours, _ = policy_of(settings).batch(IMAGES, tf.eye(BATCH), SEED)
    theirs, _ = make_policy(Augmentation(policy="reference", cutmix=1.0), SIZE, MEAN, STD).batch(
        IMAGES, tf.eye(BATCH), SEED
    )
    np.testing.assert_array_equal(ours, theirs)


def test_mixups_labels_are_the_shares_of_the_images() -> None:
    policy = policy_of(Augmentation(policy="keras_cv", mixup=1.0))
    pixels = tf.reshape(tf.eye(BATCH), (BATCH, 1, BATCH, 1))
    images = tf.pad(
        tf.broadcast_to(pixels, (BATCH, SIZE[0], BATCH, 3)),
        [(0, 0), (0, 0), (0, SIZE[1] - BATCH), (0, 0)],
    )
    mixed, labels = policy.batch(images, tf.eye(BATCH), SEED)
    np.testing.assert_allclose(mixed[:, 0, :BATCH, 0], labels, atol=1e-6)
    assert ((labels.numpy() > 0.05) & (labels.numpy() < 0.95)).any()


@pytest.mark.parametrize("flip", [0.0, 1.0])
def test_images_are_flipped(flip: float) -> None:
    image = picture(*SIZE)
    policy = policy_of(Augmentation(policy="keras_cv", crop="none", flip=flip))
    expected = image[:, ::-1] if flip else image
    np.testing.assert_array_equal(policy.image(tf.constant(image), SEED), expected)


@pytest.mark.parametrize("crop", ["random_resized", "inception"])
def test_random_parts_are_keras_cvs(crop: str) -> None:
    ramp = np.broadcast_to(np.arange(40.0, dtype=np.float32)[None, :, None], (40, 40, 3))

    def ends(count: int, **arguments) -> np.ndarray:
        """Return the first and last column of many parts."""
        settings = Augmentation(policy="keras_cv", crop=crop, flip=0.0, **arguments)
        policy = policy_of(settings)
        parts = [policy.image(tf.constant(ramp), SEED).numpy() for _ in range(count)]
        return np.array([part[0, [0, -1], 0] for part in parts])

    whole = {"crop_scale": (1.0, 1.0), "crop_ratio": (1.0, 1.0)}
    np.testing.assert_allclose(ends(1, **whole), [[0, 39]], atol=1)
    left, right = ends(20).T
    assert (left < right).all()
    assert min(len(np.unique(left)), len(np.unique(right))) > 5


def test_magnitude_and_number_of_operations_reach_keras_cv(monkeypatch) -> None:
    given = {}
    layer = keras_cv.layers.RandAugment

    def note(**arguments):
        given.update(arguments)
        return layer(**arguments)

    monkeypatch.setattr(keras_cv.layers, "RandAugment", note)
    policy_of(
        Augmentation(
            policy="keras_cv",
            rand_layers=3,
            rand_magnitude=7,
            rand_magnitude_std=0.5,
            rand_probability=0.4,
        )
    )
    assert given == {
        "value_range": (0, 255),
        "augmentations_per_image": 3,
        "magnitude": 0.7,
        "magnitude_stddev": 0.05,
        "rate": 0.4,
    }


def stream(settings: Augmentation) -> list[tuple[np.ndarray, np.ndarray]]:
    policy = policy_of(settings)
    images = np.stack([picture(30, 40, seed=k) for k in range(9)])
    batches = train_batches(
        ArraySplit(images, np.arange(9) % 3, 3),
        batch_size=4,
        seed=6,
        map_image=policy.image,
        map_batch=policy.batch,
        num_parallel_calls=1,
    )
    return [tuple(map(np.asarray, batch)) for batch in batches.take(3)]


def test_a_run_repeats_itself_image_after_image_in_float32_under_any_global_policy() -> None:
    runs = []
    for global_policy in ("float32", "mixed_bfloat16"):
        keras.config.set_dtype_policy(global_policy)
        keras.utils.set_random_seed(3)
        runs.append(stream(EVERYTHING))
        assert keras.config.dtype_policy().name == global_policy
    for (images, labels), again in zip(*runs, strict=True):
        assert (images.dtype, labels.dtype) == (np.float32, np.float32)
        assert images.shape == (4, *SIZE, 3)
        np.testing.assert_array_equal(images, again[0])
        np.testing.assert_array_equal(labels, again[1])
        np.testing.assert_allclose(labels.sum(axis=1), 1, atol=1e-6)


def test_runs_with_other_seeds_differ() -> None:
    settings = Augmentation(policy="keras_cv", flip=0.0)
    runs = []
    for seed in (3, 4):
        keras.utils.set_random_seed(seed)
        runs.append(stream(settings))
    assert all(np.any(one[0] != other[0]) for one, other in zip(*runs, strict=True))


def test_tensorflows_generator_stays() -> None:
    before = tf.random.get_global_generator()
    policy_of(EVERYTHING)
    assert tf.random.get_global_generator() is before


def test_padded_crops_are_the_references_and_repeat_themselves() -> None:
    """So do the recipes for digits, which have nothing else."""
    settings = {"crop": "pad", "pad": 2, "flip": 0.0}
    image = tf.constant(picture(*SIZE))
    ours = policy_of(Augmentation(policy="keras_cv", **settings)).image(image, SEED)
    theirs = make_policy(Augmentation(**settings), SIZE, MEAN, STD).image(image, SEED)
    np.testing.assert_array_equal(ours, theirs)


def test_files_are_taken_too() -> None:
    found = policy_of(EVERYTHING).image(tf.constant(encoded(picture(30, 40), "JPEG")), SEED)
    assert found.shape == (*SIZE, 3)


def test_images_may_be_grey_without_rand_augment() -> None:
    settings = Augmentation(policy="keras_cv", mixup=1.0)
    image = policy_of(settings, (0.5,), (0.5,)).image(tf.constant(picture(30, 40, 1)), SEED)
    assert image.shape == (*SIZE, 1)
    with pytest.raises(ValueError, match="needs 3 channels") as caught:
        policy_of(EVERYTHING, (0.5,), (0.5,))
    assert str(caught.value) == (
        "keras-cv's RandAugment needs 3 channels; received 1; choose policy='reference' or "
        "rand_layers=0."
    )


def test_keras_cv_may_be_missing(monkeypatch) -> None:
    monkeypatch.delitem(sys.modules, "keras_cv")
    usual = builtins.__import__

    def without(name, *arguments):
        if name == "keras_cv":
            raise ModuleNotFoundError("No module named 'keras_cv'", name=name)
        return usual(name, *arguments)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(ModuleNotFoundError) as caught:
        make_policy(EVERYTHING, SIZE, MEAN, STD)
    assert str(caught.value) == (
        "The 'keras_cv' augmentation needs keras-cv, which is missing; install "
        "keras-mixers[train], or choose policy='reference'."
    )
    make_policy(Augmentation(), SIZE, MEAN, STD)
