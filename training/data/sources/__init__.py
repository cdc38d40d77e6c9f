"""Where labelled images come from, by address."""

import difflib
from pathlib import Path

from training.data.sources.digits import open_digits
from training.data.sources.folder import open_folder
from training.data.sources.npz import open_npz
from training.data.split import Data
from training.errors import DataError

_KINDS = ("tfds:NAME", "folder:PATH", "npz:PATH", "digits")


def open_data(
    address: str,
    data_dir: str | Path | None = None,
    held_out: float = 0.2,
    min_side: int = 1,
    channels: int = 3,
    max_bad: int = 100,
) -> Data:
    """Find labelled images and divide them into those to train with and those to measure with.

    - `tfds:NAME`, `tfds:NAME/CONFIG`, `tfds:NAME:VERSION`: what tensorflow-datasets knows; made
      below `data_dir` if it is not there.
    - `folder:PATH`: PATH/train and PATH/val (or validation, or test), each with a folder of images
      for each class; or the classes' folders alone, of which a share is held out.
    - `npz:PATH`, or a path that ends in `.npz`: arrays x_train, y_train, x_test, y_test, or images
      and labels, of which a share is held out; images are uint8 (B, H, W) or (B, H, W, C).
    - `digits`: scikit-learn's 1,797 scans of digits, which need no network.

    Args:
        address: of the data.
        data_dir: of tensorflow-datasets; None: its usual one.
        held_out: share to measure with, where the data are not divided already: of each class, or,
            of tensorflow-datasets, the last records.
        min_side: images whose shorter side has fewer pixels count as bad.
        channels: of the images of a folder, 1 or 3; other data have their own.
        max_bad: how many files of a folder may be skipped since they are no good image.

    Raises:
        DataError: if the data can't be found or read, or don't fit together.
        ValueError: if an argument is out of its range.

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
        # tensorflow-datasets takes a while to import, and the others don't need it.
        from training.data.sources.tfds import open_tfds

        return open_tfds(address, place, data_dir, held_out, min_side)
    if kind == "folder" and place:
        return open_folder(address, Path(place), held_out, min_side, channels, max_bad)
    if address == "digits":
        return open_digits(min_side)
    if (kind == "npz" and place) or address.endswith(".npz"):
        return open_npz(address, Path(place if kind == "npz" else address), held_out, min_side)
    raise DataError(
        f"There are no data {address!r}; expected {', '.join(_KINDS)}{_near(kind, address)}."
    )


def _near(kind: str, address: str) -> str:
    """Return what may have been meant, to be added to a message."""
    kinds = [known.partition(":")[0] for known in _KINDS]
    if not address or kind in kinds:
        return ""
    if Path(address).expanduser().is_dir():
        return f"; did you mean folder:{address}"
    near = difflib.get_close_matches(kind, kinds, n=1)
    if near:
        return f"; did you mean {near[0]}{address.removeprefix(kind)}"
    return "" if ":" in address else f"; did you mean tfds:{address}"
