"""Which operations are drawn, how strong and how often; that they are applied in turn."""

import numpy as np
import pytest
import tensorflow as tf

from tests.training.augment.pictures import over_seeds, picture, tensor
from training.augment import Augmentation, pixels
from training.augment.rand_augment import (
    choose_operations,
    color_jitter,
    draw_operation,
    rand_augment,
)

TIMM = Augmentation(rand_layers=2, rand_magnitude_std=0.5, rand_probability=0.5)
MEAN = (0.485, 0.456, 0.406)
COUNT = 4000


def drawn(settings: Augmentation, count: int) -> tuple[np.ndarray, ...]:
    """Return index, level, sign and the two shares of many draws."""

    def once(seed: tf.Tensor) -> tf.Tensor:
        index, draw = draw_operation(settings, seed, count)
        return tf.stack([tf.cast(index, tf.float32), *draw])

    return tuple(over_seeds(once, COUNT, tf.float32).T)


def test_timms_draws() -> None:
    """Bounds are four standard deviations of each statistic."""
    index, level, sign, first, second = drawn(TIMM, 15)
    applied = index < 15
    assert applied.mean() == pytest.approx(0.5, abs=4 * np.sqrt(0.25 / COUNT))
    shares = np.bincount(index[applied].astype(int), minlength=15) / applied.sum()
    np.testing.assert_allclose(shares, 1 / 15, atol=4 * np.sqrt(1 / 15 / applied.sum()))
    assert sorted(set(sign)) == [-1, 1]
    assert abs(sign.mean()) < 4 / np.sqrt(COUNT)
    for share in (first, second):
        assert (share >= 0).all()
        assert (share < 1).all()
        assert share.mean() == pytest.approx(0.5, abs=4 * np.sqrt(1 / 12 / COUNT))
    # N(9, 0.5), of 10; the share of N(9, 0.5) above 10 is 0.02275, and it is clipped.
    assert level.max() == 1
    assert np.mean(level == 1) == pytest.approx(0.02275, abs=0.01)
    assert np.median(level) == pytest.approx(0.9, abs=4 * 1.2533 * 0.05 / np.sqrt(COUNT))
    assert level.std() == pytest.approx(0.0493, abs=0.0025)
    for one, other in ((index, level), (sign, level), (index, sign), (first, index)):
        assert abs(np.corrcoef(one, other)[0, 1]) < 4 / np.sqrt(COUNT)


@pytest.mark.parametrize(
    ("settings", "level"),
    [
        (Augmentation(rand_operations="timm", rand_magnitude=15), 1.0),
        (Augmentation(rand_operations="google", rand_magnitude=15), 1.5),
        (Augmentation(rand_operations="torchvision", rand_magnitude=12), 0.4),
        (Augmentation(rand_operations="torchvision", rand_magnitude=0), 0.0),
    ],
)
def test_magnitude_without_noise(settings: Augmentation, level: float) -> None:
    index, levels, *_ = drawn(settings, 3)
    # A graph may multiply by the inverse of what an equation divides by.
    np.testing.assert_allclose(levels, level, rtol=2e-7)
    assert set(index) == {0, 1, 2}  # A probability of 1: never none.


def test_fill_is_the_sets_own() -> None:
    image = tensor(picture(20, 20))
    fills = {"timm": (124, 116, 104), "google": (128,) * 3, "torchvision": (0,) * 3}
    for name, fill in fills.items():
        settings = Augmentation(rand_operations=name)
        _, draw = draw_operation(settings, tf.constant([0, 0]), 1)
        far = draw._replace(level=tf.constant(1.0), sign=tf.constant(1.0))
        moved = choose_operations(settings, MEAN)["translate_x"](image, far)
        np.testing.assert_array_equal(moved[:, -1], np.broadcast_to(np.float32(fill), (20, 3)))


def test_operations_follow_one_another() -> None:
    image = tensor(np.zeros((2, 2, 3), np.uint8))
    chosen = {
        "one": lambda image, draw: 10.0 * image + 1.0,
        "two": lambda image, draw: 10.0 * image + 2.0,
    }
    settings = Augmentation(rand_layers=2)
    found = over_seeds(
        lambda seed: rand_augment(image, seed, settings, chosen)[0, 0, 0], 200, tf.float32
    )
    assert set(found) == {11, 12, 21, 22}


def test_layers_without_an_operation_leave_the_image() -> None:
    image = tensor(picture(6, 6))
    settings = Augmentation(rand_layers=3, rand_probability=0.0)
    found = rand_augment(image, tf.constant([1, 2]), settings, choose_operations(settings, MEAN))
    np.testing.assert_array_equal(found, image)


def test_jitter_changes_brightness_contrast_and_colour_in_any_order() -> None:
    """Every result is one of the six orders, with factors within the bounds."""
    image = tensor(picture(3, 3))

    def once(seed: tf.Tensor) -> tf.Tensor:
        return color_jitter(image, seed, 0.5)

    found = over_seeds(once, 40, tf.float32)
    assert np.array_equal(found, np.floor(found))
    assert found.min() >= 0
    assert found.max() <= 255
    assert len({result.tobytes() for result in found}) == 40


def test_jitter_of_grey_pixels_is_bounded() -> None:
    """On one flat grey, contrast and colour change nothing; brightness is uniform."""
    image = tf.fill((2, 2, 3), 100.0)
    found = over_seeds(lambda seed: color_jitter(image, seed, 0.2)[0, 0, 0], COUNT, tf.float32)
    assert (found.min(), found.max()) == (80, 119)
    assert found.mean() == pytest.approx(99.5, abs=4 * 40 / np.sqrt(12 * COUNT))


def test_jitters_order_varies(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, digit in (("brightness", 1.0), ("contrast", 2.0), ("color", 3.0)):
        monkeypatch.setattr(pixels, name, lambda image, factor, digit=digit: 10 * image + digit)
    image = tf.zeros((1, 1, 3))
    found = over_seeds(lambda seed: color_jitter(image, seed, 0.2)[0, 0, 0], 300, tf.float32)
    numbers, counts = np.unique(found, return_counts=True)
    assert set(numbers) == {123, 132, 213, 231, 312, 321}
    assert counts.min() > 50 - 4 * np.sqrt(300 * 5 / 36)
