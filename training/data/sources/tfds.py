"""Data that tensorflow-datasets knows."""

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

from keras_mixers.labels import imagenet_names
from training.data.sources.hold_out import check_sides
from training.data.split import Data
from training.data.tfds_records import RecordSplit
from training.errors import DataError, in_one_line

_VALIDATION = ("validation", "val", "test")  # The first that there is.
# Sizes of the splits, for a builder that knows them only of data that are there: of tfds's mocks.
_SIZES = {
    "cifar10": {"train": 50_000, "test": 10_000},
    "cifar100": {"train": 50_000, "test": 10_000},
    "fashion_mnist": {"train": 60_000, "test": 10_000},
    "imagenet2012": {"train": 1_281_167, "validation": 50_000},
    "mnist": {"train": 60_000, "test": 10_000},
    "oxford_flowers102": {"train": 1_020, "validation": 1_020, "test": 6_149},
    "oxford_iiit_pet": {"train": 3_680, "test": 3_669},
}
# What its builders raise where files are not where they were to be laid by hand.
_ABSENT = (AssertionError, FileNotFoundError, tf.errors.NotFoundError)
_WORDNET_ID = re.compile(r"n\d{8}")


def open_tfds(
    address: str, name: str, data_dir: str | Path | None, held_out: float, min_side: int
) -> Data:
    """Return data of tensorflow-datasets, downloaded and prepared if need be.

    Raises:
        DataError: if there are no such data, they can't be had, or are no labelled images.
    """
    builder = _builder(address, name, data_dir)
    image, label = _features(address, builder)
    _prepare(address, builder, data_dir)
    sizes = _sizes(address, builder)
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
    return Data(address, _class_names(builder.info.features[label].names), train, held)


def _builder(address: str, name: str, data_dir: str | Path | None) -> Any:
    try:
        return tfds.builder(name, data_dir=data_dir)
    except tfds.core.registered.DatasetNotFoundError:
        known = tfds.list_builders(with_community_datasets=False)
        bare = re.split("[:/]", name)[0]
        near = difflib.get_close_matches(bare, known, n=3)
        hint = f"; did you mean {', '.join(near)}" if near else ""
        raise DataError(f"tensorflow-datasets knows no {bare!r}{hint}.") from None
    except (ValueError, AssertionError, RuntimeError, OSError) as error:
        raise DataError(f"{address} can't be opened ({in_one_line(error)}).") from None


def _features(address: str, builder: Any) -> tuple[str, str]:
    """Return the names of the features that hold an image and its class."""
    features = dict(builder.info.features.items())
    pair = builder.info.supervised_keys
    if not (isinstance(pair, tuple) and len(pair) == 2 and set(pair) <= set(features)):
        pair = (_only(features, tfds.features.Image), _only(features, tfds.features.ClassLabel))
    image, label = (features.get(key) for key in pair)
    if not (isinstance(image, tfds.features.Image) and isinstance(label, tfds.features.ClassLabel)):
        raise DataError(
            f"{address} has the features {', '.join(sorted(features))}; expected an Image and its "
            "ClassLabel."
        )
    if image.np_dtype != np.uint8 or image.shape[-1] not in (1, 3):
        raise DataError(
            f"{address}: images are {image.np_dtype.__name__} {image.shape}; expected uint8 of 1 "
            "or 3 channels."
        )
    return pair


def _only(features: Any, kind: type) -> str | None:
    names = [name for name, feature in features.items() if isinstance(feature, kind)]
    return names[0] if len(names) == 1 else None


def _prepare(address: str, builder: Any, data_dir: str | Path | None) -> None:
    """Download and prepare data that are not there."""
    manual = Path(data_dir or tfds.core.constants.DATA_DIR).expanduser() / "downloads" / "manual"
    instructions = builder.MANUAL_DOWNLOAD_INSTRUCTIONS
    offline = tfds.download.DownloadConfig(try_download_gcs=False)
    try:
        with _few_retries():
            builder.download_and_prepare(download_config=offline)
    except Exception as error:  # Each of its builders, and what they read with, has its own.
        _remove_empty(Path(builder.data_dir).parent)
        if instructions and isinstance(error, _ABSENT):
            raise DataError(
                f"{address} must be downloaded by hand into {manual}: {in_one_line(instructions)}"
            ) from None
        if isinstance(error, requests.RequestException):
            raise DataError(
                f"{address} is not below {manual.parent.parent} and can't be downloaded "
                f"({in_one_line(error)}); is there a network?"
            ) from None
        raise DataError(f"{address} can't be prepared ({in_one_line(error)}).") from None


_retries = threading.Lock()


@contextmanager
def _few_retries() -> Iterator[None]:
    """Let tensorflow-datasets try a download four times; ten take three minutes without network."""
    with _retries:
        usual = downloader.MAX_RETRIES
        downloader.MAX_RETRIES = 4
        try:
            yield
        finally:
            downloader.MAX_RETRIES = usual


def _remove_empty(folder: Path) -> None:
    """Remove the empty folder that a failed preparation leaves."""
    if folder.is_dir() and not any(folder.iterdir()):
        folder.rmdir()


def _sizes(address: str, builder: Any) -> dict[str, int]:
    splits = {name: split.num_examples for name, split in builder.info.splits.items()}
    if not splits and builder.name not in _SIZES:
        raise DataError(
            f"{address}: tensorflow-datasets does not say how large its splits are, and they are "
            f"known here of {', '.join(_SIZES)} alone."
        )
    return splits or _SIZES[builder.name]


def _class_names(names: list[str]) -> tuple[str, ...]:
    """Return names for people where tensorflow-datasets has ImageNet's WordNet ids."""
    ordered = len(names) == 1000 and names == sorted(names)
    return imagenet_names() if ordered and all(map(_WORDNET_ID.fullmatch, names)) else tuple(names)
