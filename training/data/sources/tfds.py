"""Data sets of tensorflow-datasets."""

import difflib
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import requests
import tensorflow as tf
import tensorflow_datasets as tfds
from tensorflow_datasets.core.download import downloader

from training.data.sources.class_names import readable_names
from training.data.sources.hold_out import check_sides
from training.data.split import Data
from training.data.tfds_records import RecordSplit
from training.errors import DataError, in_one_line

_VALIDATION = ("validation", "val", "test")  # The first one that exists is used.
# Numbers of examples per split, for builders that don't know them without prepared data, as under
# `tfds.testing.mock_data`.
_SIZES = {
    "cifar10": {"train": 50_000, "test": 10_000},
    "cifar100": {"train": 50_000, "test": 10_000},
    "fashion_mnist": {"train": 60_000, "test": 10_000},
    "imagenet2012": {"train": 1_281_167, "validation": 50_000},
    "mnist": {"train": 60_000, "test": 10_000},
    "oxford_flowers102": {"train": 1_020, "validation": 1_020, "test": 6_149},
    "oxford_iiit_pet": {"train": 3_680, "test": 3_669},
}
# Errors that builders raise if manually downloaded files are missing.
_MISSING_FILES = (AssertionError, FileNotFoundError, tf.errors.NotFoundError)


def open_tfds(
    address: str, name: str, data_dir: str | Path | None, held_out: float, min_side: int
) -> Data:
    """Open a data set of tensorflow-datasets, which is downloaded and prepared if needed.

    Raises:
        DataError: if there is no such data set, it can't be downloaded or prepared, or it doesn't
            consist of labelled images.
    """
    builder = _find_builder(address, name, data_dir)
    image, label = _find_features(address, builder)
    _prepare(address, builder, data_dir)
    sizes = _split_sizes(address, builder)
    if "train" not in sizes:
        raise DataError(f"{address} has the splits {', '.join(sizes)}; expected one named train.")
    validation = next((split for split in _VALIDATION if split in sizes), None)
    if validation is not None:
        parts = {"train": sizes["train"], validation: sizes[validation]}
    else:
        kept = sizes["train"] - max(round(held_out * sizes["train"]), 1)
        parts = {f"train[:{kept}]": kept, f"train[{kept}:]": sizes["train"] - kept}
    check_sides(address, builder.info.features[image].shape, min_side)
    train, held = (RecordSplit(builder, part, size, image, label) for part, size in parts.items())
    return Data(address, readable_names(builder.info.features[label].names), train, held)


def _find_builder(address: str, name: str, data_dir: str | Path | None) -> Any:
    try:
        return tfds.builder(name, data_dir=data_dir)
    except tfds.core.registered.DatasetNotFoundError:
        known = tfds.list_builders(with_community_datasets=False)
        bare = re.split("[:/]", name)[0]
        near = difflib.get_close_matches(bare, known, n=3)
        hint = f"; did you mean {', '.join(near)}" if near else ""
        raise DataError(f"tensorflow-datasets has no data set {bare!r}{hint}.") from None
    except (ValueError, AssertionError, RuntimeError, OSError) as error:
        raise DataError(f"{address} can't be opened ({in_one_line(error)}).") from None


def _find_features(address: str, builder: Any) -> tuple[str, str]:
    """Return the names of the features that hold the image and its class."""
    features = dict(builder.info.features.items())
    pair = builder.info.supervised_keys
    if not (isinstance(pair, tuple) and len(pair) == 2 and set(pair) <= set(features)):
        pair = (
            _only_feature(features, tfds.features.Image),
            _only_feature(features, tfds.features.ClassLabel),
        )
    image, label = (features.get(key) for key in pair)
    if not (isinstance(image, tfds.features.Image) and isinstance(label, tfds.features.ClassLabel)):
        raise DataError(
            f"{address} has the features {', '.join(sorted(features))}; expected an Image and a "
            "ClassLabel."
        )
    if image.np_dtype != np.uint8 or image.shape[-1] not in (1, 3):
        raise DataError(
            f"{address}: images are {image.np_dtype.__name__} {image.shape}; expected uint8 with 1 "
            "or 3 channels."
        )
    return pair


def _only_feature(features: Any, kind: type) -> str | None:
    """Return the name of the only feature of a kind; None if there are none or several."""
    names = [name for name, feature in features.items() if isinstance(feature, kind)]
    return names[0] if len(names) == 1 else None


def _prepare(address: str, builder: Any, data_dir: str | Path | None) -> None:
    """Download and prepare the data set, unless that is done already."""
    manual = Path(data_dir or tfds.core.constants.DATA_DIR).expanduser() / "downloads" / "manual"
    instructions = builder.MANUAL_DOWNLOAD_INSTRUCTIONS
    offline = tfds.download.DownloadConfig(try_download_gcs=False)
    try:
        with _few_retries():
            builder.download_and_prepare(download_config=offline)
    except Exception as error:  # Every builder raises errors of its own kind.
        _remove_empty(Path(builder.data_dir).parent)
        if instructions and isinstance(error, _MISSING_FILES):
            raise DataError(
                f"{address} must be downloaded by hand into {manual}: {in_one_line(instructions)}"
            ) from None
        if isinstance(error, requests.RequestException):
            raise DataError(
                f"{address} is not in {manual.parent.parent} and can't be downloaded "
                f"({in_one_line(error)}); check the network connection."
            ) from None
        raise DataError(f"{address} can't be prepared ({in_one_line(error)}).") from None


_retries = threading.Lock()


@contextmanager
def _few_retries() -> Iterator[None]:
    """Limit downloads to four attempts; without a network, the usual ten take three minutes."""
    with _retries:
        usual = downloader.MAX_RETRIES
        downloader.MAX_RETRIES = 4
        try:
            yield
        finally:
            downloader.MAX_RETRIES = usual


def _remove_empty(folder: Path) -> None:
    """Remove the empty folder that a failed preparation leaves behind."""
    if folder.is_dir() and not any(folder.iterdir()):
        folder.rmdir()


def _split_sizes(address: str, builder: Any) -> dict[str, int]:
    splits = {name: split.num_examples for name, split in builder.info.splits.items()}
    if not splits and builder.name not in _SIZES:
        raise DataError(
            f"{address}: tensorflow-datasets doesn't give the sizes of its splits; expected a data "
            f"set that does, or one of {', '.join(_SIZES)}."
        )
    return splits or _SIZES[builder.name]
