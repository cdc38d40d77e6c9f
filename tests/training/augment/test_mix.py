"""MixUp and CutMix: labels weigh exactly what is seen of each image."""

import numpy as np
import pytest
import tensorflow as tf

from tests.training.augment.pictures import over_seeds
from training.augment import Augmentation
from training.augment.mix import cutmix, mix, mixup

BATCH = 4
# Image k is filled with k, and its label is class k: the pixels tell the label.
IMAGES = tf.broadcast_to(tf.range(BATCH, dtype=tf.float32)[:, None, None, None], (BATCH, 12, 9, 3))
LABELS = tf.eye(BATCH)
COUNT = 2000


def seen(images: np.ndarray) -> np.ndarray:
    """Return the share of pixels of each class, (..., B, classes), after CutMix."""
    return np.stack([np.mean(images == k, axis=(-1, -2, -3)) for k in range(BATCH)], axis=-1)


def many(function, count: int) -> tuple[np.ndarray, np.ndarray]:
    """Return images and labels, mixed under `count` seeds."""
    run = tf.function(
        lambda: tf.map_fn(
            function,
            tf.stack([tf.fill([count], 5), tf.range(count)], axis=1),
            fn_output_signature=(tf.float32, tf.float32),
        )
    )
    images, labels = run()
    return images.numpy(), labels.numpy()


@pytest.mark.parametrize("alpha", [0.2, 1.0])
def test_cutmix_labels_are_the_pixels_seen(alpha: float) -> None:
    images, labels = many(lambda seed: cutmix(IMAGES, LABELS, seed, alpha), 300)
    np.testing.assert_allclose(labels, seen(images), atol=1e-6)
    np.testing.assert_allclose(labels.sum(-1), 1, atol=1e-6)


def test_cutmix_pastes_one_rectangle_of_the_reversed_batch() -> None:
    images, _ = many(lambda seed: cutmix(IMAGES, LABELS, seed, 1.0), 300)
    for batch in images:
        pasted = batch[..., 0] != np.arange(BATCH)[:, None, None]
        for k in range(BATCH):
            np.testing.assert_array_equal(pasted[k], pasted[0])
            assert set(np.unique(batch[k])) <= {k, BATCH - 1 - k}
        rows, columns = np.nonzero(pasted[0].any(1))[0], np.nonzero(pasted[0].any(0))[0]
        if len(rows):
            corner = pasted[0][rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
            assert corner.all()


def test_cutmix_shares_are_those_of_a_clipped_square() -> None:
    """With alpha = 1 the area before clipping is uniform; a Monte Carlo draw gives the rest."""
    height, width = 60, 60
    images = tf.zeros((2, height, width, 1))
    labels = over_seeds(
        lambda seed: cutmix(images, tf.eye(2), seed, 1.0)[1][0, 1], COUNT, tf.float32
    )
    random = np.random.default_rng(0)
    side = np.int32(np.sqrt(random.uniform(size=100_000)) * height)
    lengths = []
    for _ in range(2):
        start = random.integers(0, height, side.shape) - side // 2
        lengths.append(np.minimum(start + side, height) - np.maximum(start, 0))
    expected = lengths[0] * lengths[1] / (height * width)
    assert labels.mean() == pytest.approx(expected.mean(), abs=4 * expected.std() / np.sqrt(COUNT))
    assert labels.std() == pytest.approx(expected.std(), rel=0.06)


@pytest.mark.parametrize("alpha", [0.1, 0.5, 0.8, 1.0])
def test_mixups_share_is_of_the_beta_distribution(alpha: float) -> None:
    ones = tf.stack([tf.zeros((1, 1, 1)), tf.ones((1, 1, 1))])
    share = over_seeds(
        lambda seed: mixup(ones, tf.eye(2), seed, alpha)[0][1, 0, 0, 0], COUNT, tf.float32
    )
    variance = 1 / (4 * (2 * alpha + 1))
    assert np.isfinite(share).all()
    assert share.mean() == pytest.approx(0.5, abs=4 * np.sqrt(variance / COUNT))
    assert share.var() == pytest.approx(variance, rel=0.1)


def test_mixup_adds_the_reversed_batch_to_images_and_labels_alike() -> None:
    images, labels = mixup(IMAGES, LABELS, tf.constant([1, 2]), 1.0)
    share = float(labels[0, 0])
    assert 0.05 < share < 0.95
    np.testing.assert_allclose(labels, share * np.eye(4) + (1 - share) * np.eye(4)[::-1], atol=1e-6)
    np.testing.assert_allclose(
        images, share * IMAGES.numpy() + (1 - share) * IMAGES.numpy()[::-1], atol=1e-6
    )


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        (Augmentation(mixup=0.8, cutmix=1.0), {"cutmix": 0.5, "mixup": 0.5}),
        (
            Augmentation(mixup=0.8, cutmix=1.0, switch_probability=0.2),
            {"cutmix": 0.2, "mixup": 0.8},
        ),
        (
            Augmentation(mixup=0.8, cutmix=1.0, mix_probability=0.4),
            {"cutmix": 0.2, "mixup": 0.2, "neither": 0.6},
        ),
        (Augmentation(mixup=0.8, mix_probability=0.5), {"mixup": 0.5, "neither": 0.5}),
        (Augmentation(cutmix=1.0), {"cutmix": 1.0}),
    ],
)
def test_how_often_each_is_done(settings: Augmentation, expected: dict) -> None:
    """A huge batch size of pixels is not needed: 40 x 40 makes an empty rectangle rare."""
    pixels = tf.broadcast_to(tf.constant([0.0, 1.0])[:, None, None, None], (2, 40, 40, 1))
    images, _ = many(lambda seed: mix(pixels, tf.eye(2), seed, settings), 1000)
    fraction = (images > 0) & (images < 1)
    kinds = np.where(fraction.any((1, 2, 3, 4)), "mixup", "cutmix").astype(object)
    kinds[(images == pixels.numpy()).all((1, 2, 3, 4))] = "neither"
    for kind in ("mixup", "cutmix", "neither"):
        share = expected.get(kind, 0)
        # A rectangle of less than a pixel, or a share rounded to 1, looks like neither.
        assert np.mean(kinds == kind) == pytest.approx(share, abs=0.01 + 4 * np.sqrt(0.25 / 1000))


@pytest.mark.parametrize(
    ("labels", "received"),
    [(tf.constant([0, 1, 2, 1]), "int32 (4,)"), (tf.constant([0.0] * 4), "float32 (4,)")],
)
def test_labels_must_be_one_hot(labels: tf.Tensor, received: str) -> None:
    with pytest.raises(ValueError, match="one-hot") as caught:
        mix(IMAGES, labels, tf.constant([0, 0]), Augmentation(mixup=1.0))
    assert str(caught.value) == (
        "Mixing needs one-hot labels (batch, classes) of a float type; received "
        f"{received}; use tf.one_hot(labels, classes)."
    )


ALONE = (
    "Mixing needs at least 2 images in a batch; received 1; batch with drop_remainder=True, or set "
    "mixup=0 and cutmix=0."
)


def test_one_image_alone_is_refused() -> None:
    with pytest.raises(ValueError, match="at least 2") as caught:
        mix(IMAGES[:1], LABELS[:1], tf.constant([0, 0]), Augmentation(mixup=1.0))
    assert str(caught.value) == ALONE


def test_one_image_alone_is_refused_in_a_stream() -> None:
    data = tf.data.Dataset.from_tensor_slices((IMAGES[:3], LABELS[:3])).batch(2)
    data = data.map(lambda x, y: mix(x, y, tf.constant([0, 0]), Augmentation(mixup=1.0)))
    batches = iter(data)
    assert next(batches)[0].shape[0] == 2
    with pytest.raises(tf.errors.InvalidArgumentError, match=ALONE.split(";")[0]):
        next(batches)
