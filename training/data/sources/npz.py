"""Data sets in NumPy archives: arrays of images and labels."""

from pathlib import Path

import numpy as np

from keras_mixers.zip_archive import check_archive
from training.data.random_access import ArraySplit
from training.data.sources.hold_out import check_sides, choose_held_out
from training.data.split import Data
from training.errors import DataError

# Array names: training images and labels, validation images and labels.
_DIVIDED = (
    ("x_train", "y_train", "x_val", "y_val"),
    ("x_train", "y_train", "x_test", "y_test"),
    ("train_images", "train_labels", "val_images", "val_labels"),
    ("train_images", "train_labels", "test_images", "test_labels"),
)
_UNDIVIDED = (("images", "labels"), ("x", "y"))
_CLASS_NAMES = "class_names"


def open_npz(address: str, path: Path, held_out: float, min_side: int) -> Data:
    """Open an archive.

    The optional array `class_names` names the classes; without it, their names are their indices.

    Raises:
        DataError: if there is no such archive, or its arrays are not labelled images.
    """
    path = path.expanduser()
    arrays = _read_arrays(path)
    names = next((names for names in (*_DIVIDED, *_UNDIVIDED) if set(names) <= set(arrays)), None)
    if names is None:
        raise DataError(
            f"{path} holds the arrays {', '.join(sorted(arrays)) or 'none'}; expected "
            "x_train, y_train, x_test, y_test, or images, labels."
        )
    pairs = [
        (_check_images(path, names[i], arrays), _check_labels(path, names[i + 1], arrays))
        for i in range(0, len(names), 2)
    ]
    for name, (images, labels) in zip(names[::2], pairs, strict=True):
        if not 0 < len(images) == len(labels):
            raise DataError(
                f"{path}: there are {len(images)} images in {name} and {len(labels)} labels; "
                "expected one label per image, and at least one image."
            )
        if images.shape[1:] != pairs[0][0].shape[1:]:
            raise DataError(f"{path}: training and validation images differ in shape.")
    classes = _name_classes(path, arrays, [labels for _, labels in pairs])
    if len(pairs) == 1:
        pairs = _divide(path, *pairs[0], held_out)
    train, validation = (ArraySplit(*pair, len(classes)) for pair in pairs)
    check_sides(str(path), train.image_shape, min_side)
    return Data(address, classes, train, validation)


def _read_arrays(path: Path) -> dict[str, np.ndarray]:
    if not path.is_file():
        raise DataError(f"There is no file {str(path)!r}.")
    try:
        check_archive(path)
        # Opened here, because NumPy doesn't close a damaged file.
        with path.open("rb") as file, np.load(file, allow_pickle=False) as archive:
            return dict(archive)
    except Exception:  # Whatever NumPy and zipfile meet in damaged bytes, or in a lone array.
        raise DataError(
            f"{path} is damaged, or not an .npz archive of plain arrays, as np.savez writes it."
        ) from None


def _check_images(path: Path, name: str, arrays: dict[str, np.ndarray]) -> np.ndarray:
    images = arrays[name]
    if images.dtype != np.uint8:
        raise DataError(
            f"{path}: {name} is {images.dtype}; expected uint8 in [0, 255]; multiply values in "
            "[0, 1] by 255 and round them."
        )
    if images.ndim == 3:
        images = images[..., np.newaxis]
    if images.ndim != 4 or images.shape[-1] not in (1, 3):
        raise DataError(
            f"{path}: {name} has shape {arrays[name].shape}; expected (B, H, W), (B, H, W, 1) or "
            "(B, H, W, 3)."
        )
    return images


def _check_labels(path: Path, name: str, arrays: dict[str, np.ndarray]) -> np.ndarray:
    labels = arrays[name]
    if labels.ndim == 2 and labels.shape[1] == 1:
        labels = labels[:, 0]
    if labels.ndim != 1 or labels.dtype.kind not in "iu" or (labels.size and labels.min() < 0):
        raise DataError(
            f"{path}: {name} is {labels.dtype} of shape {labels.shape}; expected class indices, "
            "integers from 0, of shape (B,)."
        )
    return labels


def _name_classes(
    path: Path, arrays: dict[str, np.ndarray], labels: list[np.ndarray]
) -> tuple[str, ...]:
    highest = max(int(part.max()) for part in labels)
    names = tuple(map(str, arrays.get(_CLASS_NAMES, np.arange(highest + 1)).ravel()))
    if highest >= len(names):
        raise DataError(
            f"{path}: the highest label is {highest}; expected labels below {len(names)}, the "
            f"number of {_CLASS_NAMES}."
        )
    if len(names) < 2:
        raise DataError(f"{path} has only the class {names[0]!r}; expected two or more.")
    return names


def _divide(
    path: Path, images: np.ndarray, labels: np.ndarray, share: float
) -> list[tuple[np.ndarray, np.ndarray]]:
    """Hold out a share of the images; return the training and the validation images and labels."""
    held_out = choose_held_out([str(i) for i in range(len(labels))], labels, share)
    if not held_out.any():
        raise DataError(f"{path}: no class has two images, so none can be held out.")
    return [(images[part], labels[part]) for part in (~held_out, held_out)]
