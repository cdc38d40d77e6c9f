import numpy as np
import pytest
import tensorflow as tf

from training.augment.erase import draw_rectangles, erase

MEAN, STD = (0.5, 0.4, 0.3), (0.2, 0.25, 0.3)
SEED = tf.constant([1, 9])


def bounds(masks: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    return masks.any(2).sum(1), masks.any(1).sum(1)


@pytest.mark.parametrize("size", [(224, 224), (32, 48), (8, 8)])
def test_rectangles_have_timms_areas_and_ratios(size: tuple[int, int]) -> None:
    masks = draw_rectangles(SEED, 500, *size).numpy()
    assert masks.shape == (500, *size)
    height, width = bounds(masks)
    np.testing.assert_array_equal(masks.sum((1, 2)), height * width)  # Without holes.
    there = height > 0
    assert there.mean() > 0.99
    assert height.max() < size[0]
    assert width.max() < size[1]
    height, width = height[there], width[there]
    area = size[0] * size[1]
    # Sides are rounded to whole pixels.
    assert ((height + 0.5) * (width + 0.5)).min() >= 0.02 * area
    assert ((height - 0.5) * (width - 0.5)).max() <= area / 3
    assert ((height + 0.5) / (width - 0.5)).min() >= 0.3
    assert ((height - 0.5) / (width + 0.5)).max() <= 1 / 0.3


def test_rectangles_are_uniform_in_area_and_log_ratio() -> None:
    count = 2000
    height, width = bounds(draw_rectangles(SEED, count, 100, 100).numpy())
    area = height * width / 1e4
    assert area.mean() == pytest.approx((0.02 + 1 / 3) / 2, rel=0.05)
    log_ratio = np.log(height / width)
    # Long rectangles of large area do not fit and are drawn again, so the spread is below
    # 2 log(1 / 0.3) / sqrt(12) = 0.695.
    assert abs(log_ratio.mean()) < 4 * 0.695 / np.sqrt(count)
    assert 0.6 < log_ratio.std() < 0.7


def test_rectangles_lie_anywhere() -> None:
    masks = draw_rectangles(SEED, 2000, 32, 32).numpy()
    often = masks.mean(0)
    assert often[0].min() > 0
    assert often[-1].min() > 0
    np.testing.assert_allclose(often, often[::-1], atol=0.06)
    np.testing.assert_allclose(often, often[:, ::-1], atol=0.06)


def test_share_of_images_and_nothing_else_changes() -> None:
    images = tf.random.stateless_uniform((1000, 16, 16, 3), [1, 2], 0, 255)
    found = erase(images, SEED, 0.25, MEAN, STD).numpy()
    changed = (found != images.numpy()).all(-1)
    touched = changed.any((1, 2))
    assert touched.mean() == pytest.approx(0.25, abs=4 * np.sqrt(0.25 * 0.75 / 1000))
    np.testing.assert_array_equal(found[~changed], images.numpy()[~changed])
    height, width = bounds(changed)
    np.testing.assert_array_equal(changed.sum((1, 2)), height * width)


def test_noise_is_standard_normal_once_normalised() -> None:
    found = erase(tf.fill((200, 32, 32, 3), -1000.0), SEED, 1.0, MEAN, STD).numpy()
    noise = found[(found != -1000).all(-1)]
    normalised = (noise / 255 - np.array(MEAN)) / np.array(STD)
    assert len(normalised) > 20_000
    np.testing.assert_allclose(normalised.mean(0), 0, atol=4 / np.sqrt(20_000))
    np.testing.assert_allclose(normalised.std(0), 1, atol=4 / np.sqrt(40_000))
    assert np.abs(np.corrcoef(normalised.T)[np.triu_indices(3, 1)]).max() < 4 / np.sqrt(20_000)


def test_mean_colour() -> None:
    found = erase(tf.zeros((8, 16, 16, 3)), SEED, 1.0, MEAN, (0.0, 0.0, 0.0)).numpy()
    erased = found[(found != 0).all(-1)]
    assert len(erased) > 0
    np.testing.assert_allclose(erased, np.broadcast_to(255 * np.float32(MEAN), erased.shape))


def test_no_image_may_be_chosen() -> None:
    images = tf.ones((3, 8, 8, 3))
    np.testing.assert_array_equal(erase(images, SEED, 0.0, MEAN, STD), images)
