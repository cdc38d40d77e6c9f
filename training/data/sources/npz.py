"""Arrays of images and labels in a NumPy archive."""

import zlib
from pathlib import Path
from zipfile import BadZipFile

import numpy as np

from training.data.random_access import ArraySplit
from training.data.sources.hold_out import check_sides, held_out_of
from training.data.split import Data
from training.errors import DataError

# Names of the arrays: of images and labels to train with, then of those to measure with.
_DIVIDED = (
    ("x_train", "y_train", "x_val", "y_val"),
    ("x_train", "y_train", "x_test", "y_test"),
    ("train_images", "train_labels", "val_images", "val_labels"),
    ("train_images", "train_labels", "test_images", "test_labels"),
)
_WHOLE = (("images", "labels"), ("x", "y"))
_CLASS_NAMES = "class_names"


def open_npz(address: str, path: Path, held_out: float, min_side: int) -> Data:
    """Return the images of an archive.

    Classes are named by its array `class_names`, if there is one, and by their numbers otherwise.

    Raises:
        DataError: if there is no such archive, or its arrays are no labelled images.
    """
    path = path.expanduser()
    arrays = _read(path)
    names = next((names for names in (*_DIVIDED, *_WHOLE) if set(names) <= set(arrays)), None)
    if names is None:
        raise DataError(
            f"{path} holds the arrays {', '.join(sorted(arrays)) or 'none'}; expected "
            "x_train, y_train, x_test, y_test, or images, labels."
        )
    pairs = [
        (_images(path, names[i], arrays), _labels(path, names[i + 1], arrays))
        for i in range(0, len(names), 2)
    ]
    for name, (images, labels) in zip(names[::2], pairs, strict=True):
        if not 0 < len(images) == len(labels):
            raise DataError(
                f"{path}: there are {len(images)} images in {name} and {len(labels)} labels; "
                "expected one label an image, and at least one image."
            )
        if images.shape[1:] != pairs[0][0].shape[1:]:
            raise DataError(f"{path}: images to train and to measure with differ in shape.")
    classes = _class_names(path, arrays, [labels for _, labels in pairs])
    if len(pairs) == 1:
        pairs = _divided(path, *pairs[0], held_out)
    train, validation = (ArraySplit(*pair, len(classes)) for pair in pairs)
    check_sides(str(path), train.image_shape, min_side)
    return Data(address, classes, train, validation)


def _read(path: Path) -> dict[str, np.ndarray]:
    if not path.is_file():
        raise DataError(f"There is no file {str(path)!r}.")
    try:
        # A file of our own: NumPy would leave a damaged one open.
        with path.open("rb") as file, np.load(file, allow_pickle=False) as archive:
            return dict(archive)
    # A lone array is no context manager; Python objects are a ValueError.
    except (OSError, EOFError, ValueError, TypeError, BadZipFile, zlib.error):
        raise DataError(
            f"{path} is damaged, or no .npz archive of plain arrays, as np.savez writes it."
        ) from None


def _images(path: Path, name: str, arrays: dict[str, np.ndarray]) -> np.ndarray:
    images = arrays[name]
    if images.dtype != np.uint8:
        raise DataError(
            f"{path}: {name} is {images.dtype}; expected uint8 in [0, 255]; round what lies in "
            "[0, 1] times 255."
        )
    if images.ndim == 3:
        images = images[..., np.newaxis]
    if images.ndim != 4 or images.shape[-1] not in (1, 3):
        raise DataError(
            f"{path}: {name} has shape {arrays[name].shape}; expected (B, H, W), (B, H, W, 1) or "
            "(B, H, W, 3)."
        )
    return images


def _labels(path: Path, name: str, arrays: dict[str, np.ndarray]) -> np.ndarray:
    labels = arrays[name]
    if labels.ndim == 2 and labels.shape[1] == 1:
        labels = labels[:, 0]
    if labels.ndim != 1 or labels.dtype.kind not in "iu" or (labels.size and labels.min() < 0):
        raise DataError(
            f"{path}: {name} is {labels.dtype} of shape {labels.shape}; expected the numbers of "
            "classes, integers from 0, of shape (B,)."
        )
    return labels


def _class_names(
    path: Path, arrays: dict[str, np.ndarray], labels: list[np.ndarray]
) -> tuple[str, ...]:
    highest = max(int(part.max()) for part in labels)
    names = tuple(map(str, arrays.get(_CLASS_NAMES, np.arange(highest + 1)).ravel()))
    if highest >= len(names):
        raise DataError(f"{path}: there are {len(names)} {_CLASS_NAMES}, and a label {highest}.")
    if len(names) < 2:
        raise DataError(f"{path} has the one class {names[0]!r}; expected two or more.")
    return names


def _divided(
    path: Path, images: np.ndarray, labels: np.ndarray, share: float
) -> list[tuple[np.ndarray, np.ndarray]]:
    chosen = held_out_of([str(i) for i in range(len(labels))], labels, share)
    if not chosen.any():
        raise DataError(f"{path}: no class has two images, of which one could be held out.")
    return [(images[part], labels[part]) for part in (~chosen, chosen)]
