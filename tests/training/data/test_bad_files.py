import gzip
import io
import warnings

import numpy as np
import pytest
import tensorflow as tf

from tests.training.data.samples import fill, picture
from training.data import DataError, open_data, train_batches
from training.data.sources import image_check


def as_pixels(image, seed):
    if image.dtype == tf.string:
        image = tf.io.decode_jpeg(image, 3)
    return tf.image.resize(image, (4, 4), method="area")


def message_of(path, **arguments):
    with pytest.raises(DataError) as caught:
        open_data(f"folder:{path}", **arguments)
    return str(caught.value)


def write_bad_ones(folder):
    (folder / "empty.jpg").write_bytes(b"")
    (folder / "notes.txt").write_text("three cats")
    whole = io.BytesIO()
    picture(3, 60, 60).save(whole, "JPEG")
    (folder / "short.jpg").write_bytes(whole.getvalue()[:-200])
    picture(3, 1, 900).save(folder / "strip.png")


def test_bad_files_are_counted_named_and_skipped(tmp_path):
    fill(tmp_path / "train", 2)
    fill(tmp_path / "val", 2)
    write_bad_ones(tmp_path / "train" / "cat")
    cat = tmp_path / "train" / "cat"
    with pytest.warns(UserWarning, match="^4 of 16 files") as caught:
        data = open_data(f"folder:{tmp_path}")
    empty, notes, short, strip = data.skipped
    assert empty == f"{cat / 'empty.jpg'} is empty; copy it again"
    assert notes.startswith(f"{cat / 'notes.txt'} is not an image in a format that Pillow knows")
    assert short.startswith(f"{cat / 'short.jpg'} can't be read as an image (image file is trunc")
    assert strip == f"{cat / 'strip.png'} is too narrow: 1 x 900 pixels"
    assert str(caught[0].message) == (
        f"4 of 16 files can't be used: {empty}, {notes}, {short} and 1 more; they are skipped."
    )
    assert caught[0].filename == __file__
    assert (data.train.size, data.validation.size) == (6, 6)
    list(train_batches(data.train, 6, 0, map_image=as_pixels).take(3))


def test_too_many_bad_files_are_refused(tmp_path):
    fill(tmp_path, 2)
    write_bad_ones(tmp_path / "cat")
    message = message_of(tmp_path, max_bad=3)
    assert message.startswith(f"4 of 10 files can't be used: {tmp_path / 'cat' / 'empty.jpg'} is ")
    assert message.endswith("and 1 more; at most 3 may be skipped; repair or remove them.")
    assert "\n" not in message


def test_small_images_are_bad_ones(tmp_path):
    fill(tmp_path, 2)
    message = message_of(tmp_path, min_side=17, max_bad=0)
    assert message.startswith(
        f"6 of 6 files can't be used: {tmp_path / 'bird' / '0.jpg'} has 20 x 16 pixels, but both "
        "sides must be at least 17, "
    )


def test_damaged_jpegs_that_pillow_reads_are_read_by_tensorflow(tmp_path):
    """So none fails in the middle of an epoch."""
    chance = np.random.default_rng(0)
    whole = io.BytesIO()
    picture(3, 40, 30).save(whole, "JPEG")
    accepted = refused = 0
    for i in range(300):
        data = bytearray(whole.getvalue())
        for place in chance.integers(0, len(data), 2):
            data[place] = chance.integers(256)
        if i % 3 == 0:
            data = data[: chance.integers(2, len(data))] + b"\xff\xd9"
        path = tmp_path / "image.jpg"
        path.write_bytes(data)
        found = image_check.check_image(path)
        refused += bool(found.fault)
        if not found.fault and found.plain:
            accepted += 1
            assert tf.io.decode_jpeg(bytes(data), 3).shape == (found.height, found.width, 3)
    assert accepted > 50
    assert refused > 20


def test_a_jpeg_without_its_end_is_left_to_pillow(tmp_path):
    """TensorFlow refuses it, and the whole run would end."""
    path = tmp_path / "image.jpg"
    picture(3, 40, 30).save(path)
    whole = path.read_bytes()
    for content, plain in ((whole, True), (whole + bytes(9), True), (whole[:-1] + b"\xdd", False)):
        path.write_bytes(content)
        assert image_check.check_image(path) == (40, 30, plain, "")


def test_findings_are_kept_until_a_file_changes(tmp_path, monkeypatch, cache):
    fill(tmp_path, 3)
    open_data(f"folder:{tmp_path}")
    examined = []
    check = image_check.check_image
    monkeypatch.setattr(
        image_check, "check_image", lambda path: examined.append(path) or check(path)
    )
    open_data(f"folder:{tmp_path}")
    assert examined == []
    changed, new = tmp_path / "cat" / "0.jpg", tmp_path / "dog" / "9.jpg"
    picture(5, 30, 30).save(changed)
    picture(6).save(new)
    open_data(f"folder:{tmp_path}")
    assert sorted(examined) == [changed, new]
    assert [path.suffix for path in cache.rglob("*") if path.is_file()] == [".gz"]
    assert not [path for path in tmp_path.rglob("*") if path.suffix not in ("", ".jpg")]


@pytest.mark.parametrize(
    "damage",
    [
        b"",
        b"no gzip",
        gzip.compress(b"{}", mtime=0)[:10] + bytes([255] * 20),
        *(
            gzip.compress(text, mtime=0)
            for text in (
                b'{"version": 0}',
                b'{"version": 2, "files": []}',
                b'{"version": 2, "files": {"cat/0.jpg": [[], 7]}}',
                b'{"version": 2, "files": {"cat/0.jpg": [[], [1, 2, true, []]]}}',
                b"[" * 100_000,
                b"\xff",
            )
        ),
    ],
    ids=range(9),
)
def test_damaged_findings_are_found_again(tmp_path, cache, damage):
    fill(tmp_path, 2)
    open_data(f"folder:{tmp_path}")
    [index] = cache.rglob("*.gz")
    index.write_bytes(damage)
    assert open_data(f"folder:{tmp_path}").train.size == 3


def test_a_cache_that_takes_nothing_is_no_obstacle(tmp_path, monkeypatch):
    fill(tmp_path / "data", 2)
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("KERAS_MIXERS_CACHE", str(tmp_path / "file"))
    assert open_data(f"folder:{tmp_path / 'data'}").train.size == 3


def test_a_class_of_bad_images_alone(tmp_path):
    fill(tmp_path, 2)
    for path in (tmp_path / "cat").iterdir():
        path.write_bytes(b"")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        assert message_of(tmp_path).startswith(f"{tmp_path} has no readable images of 'cat'")
