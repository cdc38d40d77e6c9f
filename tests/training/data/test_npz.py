import zipfile

import numpy as np
import pytest

from training.data import DataError, evaluation_batches, open_data

X = np.arange(20 * 4 * 4 * 3).reshape(20, 4, 4, 3).astype(np.uint8)
Y = np.arange(20) % 4


def write(path, **arrays):
    np.savez(path, **arrays)
    return f"npz:{path}"


def examples(split):
    [(images, labels)] = evaluation_batches(split, 100, (4, 4))
    return images.numpy(), labels.numpy()


@pytest.mark.parametrize(
    "names",
    [
        ("x_train", "y_train", "x_test", "y_test"),
        ("x_train", "y_train", "x_val", "y_val"),
        ("train_images", "train_labels", "val_images", "val_labels"),
        ("train_images", "train_labels", "test_images", "test_labels"),
    ],
)
def test_arrays_that_are_divided(tmp_path, names):
    arrays = (X[:12], Y[:12, None], X[12:], Y[12:])
    data = open_data(write(tmp_path / "a.npz", **dict(zip(names, arrays, strict=True))))
    assert data.class_names == ("0", "1", "2", "3")
    for split, part in ((data.train, slice(12)), (data.validation, slice(12, 20))):
        images, labels = examples(split)
        np.testing.assert_array_equal(images, X[part])
        np.testing.assert_array_equal(labels, Y[part])


@pytest.mark.parametrize("names", [("images", "labels"), ("x", "y")])
def test_a_share_is_held_out_of_each_class(tmp_path, names):
    write(tmp_path / "a.npz", **dict(zip(names, (X[..., 0], Y), strict=True)))
    data = open_data(str(tmp_path / "a.npz"), held_out=0.4)
    assert data.train.image_shape == (4, 4, 1)
    train, held = examples(data.train), examples(data.validation)
    assert np.bincount(train[1]).tolist() == [3] * 4
    assert np.bincount(held[1]).tolist() == [2] * 4
    firsts = sorted(train[0][:, 0, 0, 0].tolist() + held[0][:, 0, 0, 0].tolist())
    assert firsts == sorted(X[:, 0, 0, 0].tolist())


def test_classes_may_have_names(tmp_path):
    address = write(tmp_path / "a.npz", x=X, y=Y, class_names=np.array(list("abcde")))
    assert open_data(address).class_names == tuple("abcde")


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        (
            {"photos": X},
            " holds the arrays photos; expected x_train, y_train, x_test, y_test, or images, "
            "labels.",
        ),
        (
            {},
            " holds the arrays none; expected x_train, y_train, x_test, y_test, or images, labels.",
        ),
        (
            {"x": X / 255, "y": Y},
            ": x is float64; expected uint8 in [0, 255]; multiply values in [0, 1] by 255 "
            "and round them.",
        ),
        (
            {"x": X[..., :2], "y": Y},
            ": x has shape (20, 4, 4, 2); expected (B, H, W), (B, H, W, 1) or (B, H, W, 3).",
        ),
        (
            {"x": X, "y": np.eye(4)[Y]},
            ": y is float64 of shape (20, 4); expected class indices, integers from 0, of shape "
            "(B,).",
        ),
        (
            {"x": X, "y": Y - 1},
            ": y is int64 of shape (20,); expected class indices, integers from 0, of shape (B,).",
        ),
        (
            {"x": X, "y": Y[:9]},
            ": there are 20 images in x and 9 labels; expected one label per image, and at least "
            "one image.",
        ),
        (
            {"x_train": X, "y_train": Y, "x_test": X[:0], "y_test": Y[:0]},
            ": there are 0 images in x_test and 0 labels; expected one label per image, and at "
            "least one image.",
        ),
        (
            {"x_train": X, "y_train": Y, "x_test": X[:, :3], "y_test": Y},
            ": training and validation images differ in shape.",
        ),
        ({"x": X, "y": Y * 0}, " has only the class '0'; expected two or more."),
        (
            {"x": X, "y": Y * 0, "class_names": np.array(["cat"])},
            " has only the class 'cat'; expected two or more.",
        ),
        (
            {"x": X, "y": Y, "class_names": np.array(list("abc"))},
            ": the highest label is 3; expected labels below 3, the number of class_names.",
        ),
        ({"x": X[:4], "y": Y[:4]}, ": no class has two images, so none can be held out."),
    ],
)
def test_arrays_that_are_no_labelled_images(tmp_path, arrays, message):
    path = tmp_path / "a.npz"
    with pytest.raises(DataError) as caught:
        open_data(write(path, **arrays))
    assert str(caught.value) == f"{path}{message}"


def test_no_file(tmp_path):
    with pytest.raises(DataError) as caught:
        open_data(f"npz:{tmp_path / 'x.npz'}")
    assert str(caught.value) == f"There is no file {str(tmp_path / 'x.npz')!r}."


def damaged_archive(path):
    np.savez_compressed(path, x=X, y=Y)
    content = bytearray(path.read_bytes())
    content[120:160] = bytes(40)
    path.write_bytes(content)


def encrypted_archive(path):
    np.savez(path, x=X, y=Y)
    content = bytearray(path.read_bytes())
    content[content.index(b"PK\x01\x02") + 8] |= 1
    path.write_bytes(content)


def archive_of_peta_bytes(path):
    header = {"shape": (10**15,), "fortran_order": False, "descr": "|u1"}
    with zipfile.ZipFile(path, "w") as archive, archive.open("x.npy", "w") as file:
        np.lib.format.write_array_header_1_0(file, header)


def lone_array(path):
    with path.open("wb") as file:
        np.save(file, X)


@pytest.mark.parametrize(
    "make",
    [
        lambda path: path.write_bytes(b""),
        lambda path: path.write_bytes(b"PK\x03\x04 and no more"),
        lambda path: path.write_text("text"),
        lambda path: np.savez(path, x=np.array([{}], object), y=Y),
        damaged_archive,
        encrypted_archive,
        archive_of_peta_bytes,
        lone_array,
    ],
)
def test_no_archive(tmp_path, make):
    path = tmp_path / "a.npz"
    make(path)
    with pytest.raises(DataError) as caught:
        open_data(str(path))
    assert str(caught.value) == (
        f"{path} is damaged, or not an .npz archive of plain arrays, as np.savez writes it."
    )


def test_images_must_be_large_enough(tmp_path):
    path = tmp_path / "a.npz"
    with pytest.raises(DataError) as caught:
        open_data(write(path, x=X, y=Y), min_side=7)
    assert str(caught.value) == (f"{path}: images are 4 x 4 pixels; expected sides of at least 7.")
