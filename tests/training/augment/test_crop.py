"""Boxes, their decoding and resizing beside Pillow's, the padded window, the centre."""

import io

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from tests.training.augment.pictures import (
    array,
    encoded,
    over_seeds,
    picture,
    pillow,
    seeds,
    tensor,
)
from training.augment import Augmentation
from training.augment.crop import crop, decode, inception_box, random_box, resize

SEED = tf.constant([3, 4])
WHOLE = {"crop_scale": (1.0, 1.0), "crop_ratio": (1.0, 1.0)}


def boxes(box_of, height: int, width: int, scale: tuple, ratio: tuple, count: int) -> np.ndarray:
    size = tf.constant(height), tf.constant(width)
    return over_seeds(lambda seed: box_of(seed, *size, scale, ratio), count, tf.int32)


@pytest.mark.parametrize("box_of", [random_box, inception_box])
@pytest.mark.parametrize("size", [(375, 500), (500, 333), (8, 8)])
def test_boxes_lie_in_the_image_and_in_their_ranges(box_of, size: tuple[int, int]) -> None:
    top, left, height, width = boxes(box_of, *size, (0.08, 1.0), (3 / 4, 4 / 3), 500).T
    assert min(top.min(), left.min()) >= 0
    assert min(height.min(), width.min()) >= 1
    assert (top + height).max() <= size[0]
    assert (left + width).max() <= size[1]
    # Sides are rounded to whole pixels.
    assert ((height + 1) * (width + 1)).min() >= 0.08 * size[0] * size[1]
    assert ((width + 0.5) / (height - 0.5)).min() >= 3 / 4
    assert ((width - 0.5) / (height + 0.5)).max() <= 4 / 3


def test_random_boxes_are_timms() -> None:
    """Log-uniform ratio and uniform area and place, where every box fits."""
    count = 4000
    top, left, height, width = boxes(random_box, 400, 400, (0.1, 0.5), (0.75, 4 / 3), count).T
    log_ratio = np.log(width / height)
    limit = np.log(4 / 3)
    assert abs(log_ratio.mean()) < 4 * limit / np.sqrt(3 * count)
    assert log_ratio.std() == pytest.approx(limit / np.sqrt(3), rel=0.03)
    area = height * width / 160000
    assert area.mean() == pytest.approx(0.3, abs=4 * 0.4 / np.sqrt(12 * count))
    assert area.std() == pytest.approx(0.4 / np.sqrt(12), rel=0.03)
    for start, room in ((top, 400 - height), (left, 400 - width)):
        assert np.mean((start + 0.5) / (room + 1)) == pytest.approx(
            0.5, abs=4 / np.sqrt(12 * count)
        )
    assert min(top.min(), left.min()) == 0
    assert (top + height).max() == (left + width).max() == 400


@pytest.mark.parametrize(
    ("size", "expected"),
    [((10, 100), (0, 43, 10, 13)), ((100, 10), (43, 0, 13, 10)), ((30, 36), (0, 0, 30, 36))],
)
def test_box_that_never_fits_is_the_centre(size: tuple, expected: tuple) -> None:
    ratio = (3 / 4, 4 / 3)
    if size == (30, 36):  # The whole image, where its own ratio is allowed.
        found = boxes(random_box, *size, (1.0, 1.0), (0.75, 1.25), 300)
        whole = [tuple(box) == expected for box in found]
        assert any(whole)
        return
    for box in boxes(random_box, *size, (1.0, 1.0), ratio, 20):
        assert tuple(box) == expected


@pytest.mark.parametrize("kind", ["bilinear", "bicubic"])
@pytest.mark.parametrize("size", [(20, 24), (90, 70), (33, 100)])
def test_resize_is_pillows(kind: str, size: tuple[int, int]) -> None:
    """Pillow rounds between its horizontal and its vertical pass: a pixel may differ by one."""
    image = picture(61, 47)
    ours = resize(tensor(image), size, kind, tf.constant(0.0)).numpy()
    filters = {"bilinear": Image.Resampling.BILINEAR, "bicubic": Image.Resampling.BICUBIC}
    difference = np.abs(ours - array(pillow(image).resize(size[::-1], filters[kind])))
    assert difference.max() <= 1
    np.testing.assert_array_equal(ours, np.floor(ours))


def test_random_interpolation_is_either() -> None:
    image = tensor(picture(20, 20))
    by = {kind: resize(image, (9, 9), kind, tf.constant(0.0)) for kind in ("bilinear", "bicubic")}
    for share, kind in ((0.2, "bilinear"), (0.7, "bicubic")):
        found = resize(image, (9, 9), "random", tf.constant(share))
        np.testing.assert_array_equal(found, by[kind])
    assert np.any(by["bilinear"] != by["bicubic"])


@pytest.mark.parametrize("kind", ["random_resized", "inception", "pad", "none"])
@pytest.mark.parametrize("file", ["JPEG", "PNG"])
@pytest.mark.parametrize("channels", [1, 3])
def test_bytes_and_pillows_image_give_the_same(kind: str, file: str, channels: int) -> None:
    options = {"subsampling": 0} if file == "JPEG" else {}  # Colour at full resolution.
    content = encoded(picture(64, 80, channels), file, **options)
    decoded = np.uint8(array(Image.open(io.BytesIO(content))))
    settings = Augmentation(crop=kind, pad=2 if kind == "pad" else 0)
    for seed in seeds(5):
        from_bytes = crop(tf.constant(content), seed, settings, (32, 24), channels)
        from_image = crop(tf.constant(decoded), seed, settings, (32, 24), channels)
        assert from_bytes.shape == (32, 24, channels)
        assert from_bytes.dtype == tf.float32
        np.testing.assert_array_equal(from_bytes, from_image)


def test_part_of_a_jpeg_with_halved_colours_differs_next_to_its_edges() -> None:
    content = encoded(picture(96, 96), "JPEG")
    decoded = tf.constant(np.uint8(array(Image.open(io.BytesIO(content)))))
    # A part of 48 x 48 pixels, not resized.
    settings = Augmentation(crop_scale=(0.25, 0.25), crop_ratio=(1.0, 1.0))
    differences = []
    for seed in seeds(20):
        both = [
            crop(image, seed, settings, (48, 48), 3) for image in (tf.constant(content), decoded)
        ]
        differences.append(np.abs(both[0] - both[1]))
    differences = np.max(differences, axis=0)
    assert not differences[1:-1, 1:-1].any()
    assert 0 < differences.max() < 16


def test_whole_jpeg_is_decoded_as_pillow_does() -> None:
    content = encoded(picture(64, 64), "JPEG")
    found = crop(tf.constant(content), SEED, Augmentation(**WHOLE), (64, 64), 3)
    np.testing.assert_array_equal(found, array(Image.open(io.BytesIO(content))))


def test_a_part_of_a_jpeg_is_all_that_is_decoded() -> None:
    settings = Augmentation()
    traced = tf.function(lambda content: crop(content, SEED, settings, (8, 8), 3))
    graph = traced.get_concrete_function(tf.TensorSpec((), tf.string)).graph.as_graph_def()
    branches = [{node.op for node in f.node_def} for f in graph.library.function]
    parts = [ops for ops in branches if "DecodeAndCropJpeg" in ops]
    assert parts
    assert not any("DecodeJpeg" in ops for ops in parts)


def test_grey_file_for_a_colour_model_has_three_equal_channels() -> None:
    content = encoded(picture(20, 20, 1), "JPEG")
    found = crop(tf.constant(content), SEED, Augmentation(), (8, 8), 3).numpy()
    np.testing.assert_array_equal(found[..., 0], found[..., 1])
    np.testing.assert_array_equal(found[..., 0], found[..., 2])


def test_padded_windows_are_all_of_them_and_alike_often() -> None:
    image = picture(8, 8, 1)
    settings = Augmentation(crop="pad", pad=1)
    framed = np.pad(image, [(1, 1), (1, 1), (0, 0)])
    windows = [framed[i : i + 8, j : j + 8] for i in range(3) for j in range(3)]
    found = over_seeds(
        lambda seed: crop(tf.constant(image), seed, settings, (8, 8), 1), 450, tf.float32
    )
    counts = [sum(np.array_equal(window, one) for one in found) for window in windows]
    assert sum(counts) == 450
    assert min(counts) > 50 - 4 * np.sqrt(450 * 8 / 81)


def test_a_padded_image_is_resized_to_cover_first() -> None:
    image = picture(16, 48)
    found = crop(tf.constant(image), SEED, Augmentation(crop="pad", pad=2), (32, 32), 3).numpy()
    whole = resize(tensor(image), (32, 96), "bilinear", tf.constant(0.0)).numpy()
    framed = np.pad(whole, [(2, 2), (2, 2), (0, 0)])
    views = np.lib.stride_tricks.sliding_window_view(framed, (32, 32, 3)).reshape(-1, 32, 32, 3)
    assert sum(np.array_equal(found, view) for view in views) == 1


@pytest.mark.parametrize(("size", "resized"), [((20, 20), (20, 26)), ((10, 40), (31, 40))])
def test_without_a_crop_it_is_the_centre(size: tuple, resized: tuple) -> None:
    image = picture(47, 61)
    found = crop(tf.constant(image), SEED, Augmentation(crop="none"), size, 3)
    whole = resize(tensor(image), resized, "bilinear", tf.constant(0.0))
    top, left = ((a - b) // 2 for a, b in zip(resized, size, strict=True))
    np.testing.assert_array_equal(found, whole[top : top + size[0], left : left + size[1]])


def test_an_image_of_the_right_size_stays_as_it_is() -> None:
    image = picture(32, 32)
    for settings in (Augmentation(crop="none"), Augmentation(**WHOLE)):
        np.testing.assert_array_equal(crop(tf.constant(image), SEED, settings, (32, 32), 3), image)


def test_inception_has_no_antialiasing() -> None:
    image = tensor(picture(90, 90))
    found = crop(image, SEED, Augmentation(crop="inception", **WHOLE), (30, 30), 3)
    expected = tf.round(tf.image.resize(image, (30, 30), antialias=False))
    np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize("shape", [(8, 8, 1), (8, 8), (1, 8, 8, 3)])
def test_images_of_other_shapes_are_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match="must be") as caught:
        decode(tf.zeros(shape, tf.uint8), 3)
    assert str(caught.value) == (
        "The image must be (height, width, 3), or a JPEG or PNG file's bytes as a string; received "
        f"uint8 {shape}."
    )
