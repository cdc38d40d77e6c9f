import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from keras_mixers.preprocessing import load_image
from tests.training.data.samples import CLASSES, fill, picture
from training.data import DataError, evaluation_batches, open_data, train_batches


def message_of(path, **arguments):
    with pytest.raises(DataError) as caught:
        open_data(f"folder:{path}", **arguments)
    return str(caught.value)


@pytest.mark.parametrize("name", ["val", "validation", "test"])
def test_train_and_validation_have_folders(tmp_path, name):
    fill(tmp_path / "train", 3)
    fill(tmp_path / name, 2)
    data = open_data(f"folder:{tmp_path}")
    assert (data.train.size, data.validation.size) == (9, 6)
    assert data.class_names == CLASSES
    assert (data.num_classes, data.skipped) == (3, ())
    assert data.train.image_shape == (None, None, 3)


@pytest.mark.parametrize("below", ["", "train"])
def test_a_share_is_held_out_of_each_class(tmp_path, below):
    fill(tmp_path / below, 10)
    data = open_data(f"folder:{tmp_path}", held_out=0.3)
    splits = [data.train, data.validation]
    labels = [
        [int(label) for _, part in evaluation_batches(split, 5, (2, 2)) for label in part]
        for split in splits
    ]
    assert [np.bincount(part).tolist() for part in labels] == [[7] * 3, [3] * 3]
    paths = [set(split._paths) for split in splits]
    assert not paths[0] & paths[1]
    again = open_data(f"folder:{tmp_path}", held_out=0.3)
    assert set(again.validation._paths) == paths[1]


def test_a_class_may_be_called_train(tmp_path):
    fill(tmp_path, 3, classes=("bus", "train"))
    assert open_data(f"folder:{tmp_path}").class_names == ("bus", "train")


def test_images_may_lie_deeper_and_hidden_files_are_nobodys(tmp_path):
    fill(tmp_path, 3)
    (tmp_path / "cat" / "more").mkdir()
    picture(1).save(tmp_path / "cat" / "more" / "x.jpg")
    (tmp_path / "cat" / ".DS_Store").write_text("nothing")
    (tmp_path / ".git").mkdir()
    for folder in (tmp_path / "__MACOSX", tmp_path / "lost+found", tmp_path / "cat" / "@eaDir"):
        folder.mkdir()
        picture(1).save(folder / "x.jpg")
    data = open_data(f"folder:{tmp_path}")
    assert data.class_names == CLASSES
    assert data.train.size + data.validation.size == 10


def test_wordnet_ids_of_imagenet_become_its_names(tmp_path):
    ids = [f"n{10_000_000 + i}" for i in range(1000)]
    for name in ids:
        (tmp_path / "train" / name).mkdir(parents=True)
        picture(1).save(tmp_path / "train" / name / "a.png")
        (tmp_path / "val" / name).mkdir(parents=True)
    picture(1).save(tmp_path / "val" / ids[207] / "a.png")
    data = open_data(f"folder:{tmp_path}")
    assert data.class_names[207] == "golden retriever"


def test_names_need_not_be_utf8(tmp_path):
    fill(tmp_path, 2)
    picture(1).save(tmp_path / "cat" / "caf\udce9.jpg", "JPEG")
    data = open_data(f"folder:{tmp_path}")
    batches = [*evaluation_batches(data.train, 9, (4, 4))]
    batches += [*evaluation_batches(data.validation, 9, (4, 4))]
    assert sum(len(labels) for _, labels in batches) == 7


@pytest.mark.parametrize("name", ["\x1b]0;title\x07", "caf\udce9", "a\u202eb"])
def test_names_of_classes_have_no_control_characters(tmp_path, name):
    fill(tmp_path, 2, classes=("cat", name))
    message = message_of(tmp_path)
    assert message == (
        f"folder:{tmp_path} has a class named {name!r}; expected a name without control "
        "characters; rename it."
    )
    assert message.isprintable()


def test_names_of_bad_files_do_not_steer_the_terminal(tmp_path):
    fill(tmp_path, 2)
    (tmp_path / "cat" / "\x1b[2J.jpg").write_text("three cats")
    with pytest.warns(UserWarning, match=r"/cat/\\x1b\[2J\.jpg is not an image in a format"):
        data = open_data(f"folder:{tmp_path}")
    assert data.skipped[0].isprintable()


def write_odd_ones(folder):
    """Write images that only Pillow reads as they are meant."""
    colour = picture(7)
    exif = Image.Exif()
    exif[0x0112] = 6
    colour.save(folder / "turned.jpg", exif=exif)
    colour.convert("CMYK").save(folder / "cmyk.jpg")
    colour.convert("P").save(folder / "palette.png")
    colour.convert("L").save(folder / "grey.png")
    deep = np.asarray(colour.convert("L")).astype(np.uint16) * 256
    Image.fromarray(deep).save(folder / "deep.png")


def test_odd_images_train_as_they_are_read(tmp_path):
    fill(tmp_path / "train", 1)
    fill(tmp_path / "val", 1)
    write_odd_ones(tmp_path / "train" / "cat")
    picture(8).convert("L").save(tmp_path / "train" / "dog" / "grey.jpg")
    split = open_data(f"folder:{tmp_path}").train
    paths = [path.decode() for path in split._paths]
    plain = {path.rpartition("/")[2] for path, ok in zip(paths, split._plain, strict=True) if ok}
    assert plain == {"0.jpg", "grey.jpg"}
    shapes = []

    def whole(image, seed):
        shapes.append(image.dtype)
        pixels = tf.io.decode_jpeg(image, 3) if image.dtype == tf.string else image
        height, width = tf.unstack(tf.shape(pixels)[:2])
        pixels = tf.pad(pixels, [(0, 20 - height), (0, 20 - width), (0, 0)])
        return tf.ensure_shape(pixels, (20, 20, 3))

    [(images, _)] = train_batches(split, split.size, 0, map_image=whole).take(1)
    assert set(shapes) == {tf.string, tf.uint8}
    found = sorted(image.numpy().astype(int).tobytes() for image in images)

    def padded(path):
        pixels = np.asarray(load_image(path)).astype(int)
        return np.pad(pixels, [(0, 20 - pixels.shape[0]), (0, 20 - pixels.shape[1]), (0, 0)])

    close = 0
    for expected in map(padded, paths):
        differences = [
            np.abs(np.frombuffer(image, int).reshape(20, 20, 3) - expected).max() for image in found
        ]
        close += min(differences) <= 4
    assert close == split.size


def test_no_folder(tmp_path):
    assert message_of(tmp_path / "x") == f"There is no folder {str(tmp_path / 'x')!r}."


def test_an_empty_folder(tmp_path):
    assert message_of(tmp_path) == (
        f"{tmp_path} is empty; expected one folder of images per class."
    )


@pytest.mark.parametrize("below", ["", "train"])
def test_an_unlabelled_folder(tmp_path, below):
    folder = tmp_path / below
    folder.mkdir(exist_ok=True)
    for i in range(2):
        picture(i).save(folder / f"{i}.jpg")
    assert message_of(tmp_path) == (
        f"{folder} has 2 files but no class folders, so they have no labels; expected one folder "
        f"of images per class, such as {folder}/cat/1.jpg."
    )


def test_one_class(tmp_path):
    fill(tmp_path, 2, classes=("cat",))
    assert message_of(tmp_path) == (
        f"{tmp_path} has only the class 'cat'; expected folders for two or more classes."
    )


def test_a_class_without_images(tmp_path):
    fill(tmp_path / "train", 2)
    fill(tmp_path / "val", 2)
    for path in (tmp_path / "train" / "cat").iterdir():
        path.unlink()
    assert message_of(tmp_path) == (
        f"{tmp_path}/train has no readable images of 'cat'; add some, or remove the class."
    )


def test_classes_that_differ(tmp_path):
    fill(tmp_path / "train", 2, classes=("bird", "cat"))
    fill(tmp_path / "val", 2, classes=("cat", "cow", "dog"))
    assert message_of(tmp_path) == (
        "The training and validation classes differ: "
        f"'bird' only in {tmp_path}/train; 'cow', 'dog' only in {tmp_path}/val."
    )


def test_validation_without_train(tmp_path):
    fill(tmp_path / "val", 2)
    assert message_of(tmp_path) == f"{tmp_path} has a folder val, but no folder train; add one."


def test_nothing_to_measure_with(tmp_path):
    fill(tmp_path, 1)
    assert message_of(tmp_path) == (
        f"{tmp_path} has no images for validation; add some to its classes."
    )
