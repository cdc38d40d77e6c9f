"""Fetches a model, or weights, from a hub: from the cache, or by the hub's client."""

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from keras_mixers.catalogue.preprocessing import Preprocessing
from keras_mixers.run_files import (
    LABELS_FILE,
    MODEL_FILE,
    PREPROCESSING_FILE,
    read_preprocessing,
)
from keras_mixers.weights.errors import as_checkpoint_error
from keras_mixers.weights.hubs.address import HubAddress, parse_hub_address
from keras_mixers.weights.hubs.hugging_face import download_from_hugging_face
from keras_mixers.weights.hubs.kaggle import download_from_kaggle
from keras_mixers.weights.hubs.timm_config import TimmConfig, read_timm_config
from keras_mixers.weights.layouts import LAYOUTS_OF_FAMILY

WEIGHTS_FILE = "model.safetensors"
TIMM_CONFIG_FILE = "config.json"
_LOG = logging.getLogger("keras_mixers")
_PACKAGES = {"hf": "huggingface_hub", "kaggle": "kagglehub"}
_DOWNLOAD: dict[str, Callable[[HubAddress, str, Sequence[str]], tuple[Path, str]]] = {
    "hf": download_from_hugging_face,
    "kaggle": download_from_kaggle,
}


@dataclass(frozen=True)
class HubWeights:
    """A file of weights from a hub.

    Attributes:
        name: Its address, at the commit or version that was found.
        path: The file.
        classes: Number of classes of its head; None if it has none that a family knows.
        preprocessing: How its images are preprocessed; None if the repository doesn't say.
        labels: One name per class, as timm's configuration has them; `labels.txt`, if it lies
            beside the file, is of this project.
    """

    name: str
    path: Path
    classes: int | None
    preprocessing: Preprocessing | None
    labels: tuple[str, ...] | None = None


def fetch_model(address: str) -> Path:
    """Return the path of a `.keras` file from a hub.

    Beside it lie `labels.txt` and `preprocessing.json`, if the repository has them.

    Args:
        address: As for `parse_hub_address`; by default, the file is `model.keras`.

    Raises:
        ValueError: If the address is malformed, or names weights.
        DownloadError: An OSError, if the file can't be downloaded, or isn't there.
        ImportError: If the hub's client isn't installed.
    """
    file, _ = _fetch(address, MODEL_FILE, (LABELS_FILE, PREPROCESSING_FILE))
    return file


def fetch_weights_file(address: str) -> Path:
    """Return the path of a `.safetensors` file from a hub.

    Args and errors are those of `fetch_weights`.
    """
    return _fetch_weights(address)[0]


def fetch_weights(address: str, family: str, depth: int) -> HubWeights:
    """Return a `.safetensors` file from a hub, with what its repository says about it.

    Args:
        address: As for `parse_hub_address`; by default, the file is `model.safetensors`.
        family: Name of the family's function, such as "ConvMixer".
        depth: Number of the network's blocks.

    Raises:
        ValueError: If the address is malformed, names a model, or the file is damaged.
        DownloadError: An OSError, if the file can't be downloaded, or isn't there.
        ImportError: If the hub's client isn't installed.
    """
    file, found = _fetch_weights(address)
    classes, config = _count_classes(file, family, depth), _read_config(file.parent)
    fit = config.labels is not None and len(config.labels) == classes
    labels = config.labels if fit else None
    return HubWeights(str(found), file, classes, config.preprocessing, labels)


def _fetch_weights(address: str) -> tuple[Path, HubAddress]:
    companions = (LABELS_FILE, PREPROCESSING_FILE, TIMM_CONFIG_FILE)
    return _fetch(address, WEIGHTS_FILE, companions)


def _fetch(address: str, usual: str, companions: Sequence[str]) -> tuple[Path, HubAddress]:
    """Return a file, and the address at the revision that was found."""
    parsed = parse_hub_address(address)
    file = parsed.file or usual
    if Path(file).suffix != Path(usual).suffix:
        raise ValueError(f"{address} is a {Path(file).suffix} file; expected {Path(usual).suffix}.")
    try:
        path, revision = _DOWNLOAD[parsed.hub](parsed, file, companions)
    except ModuleNotFoundError as error:
        if error.name != _PACKAGES[parsed.hub]:
            raise
        raise ImportError(
            f"The package {error.name!r} is not installed: pip install 'keras-mixers[hubs]'."
        ) from None
    return path, parsed.at(revision)


def _count_classes(path: Path, family: str, depth: int) -> int | None:
    """Return how many classes the head of a family's checkpoint has, without reading the rest."""
    from safetensors import safe_open

    with as_checkpoint_error(path, "safetensors"), safe_open(path, framework="np") as file:
        names = set(file.keys())
        for layout in LAYOUTS_OF_FAMILY[family]:
            for rule in layout.expand(depth):
                is_bias = rule.weight.startswith("head/") and rule.weight.endswith("bias")
                if is_bias and rule.key in names:
                    return int(file.get_slice(rule.key).get_shape()[0])
    return None


def _read_config(folder: Path) -> TimmConfig:
    """Return what `preprocessing.json` of this project, or timm's `config.json`, says."""
    path = folder / TIMM_CONFIG_FILE
    try:
        found = read_timm_config(path) if path.is_file() else TimmConfig()
        own = read_preprocessing(folder)
    except ValueError as error:
        _LOG.warning("%s The preprocessing of the variant is taken.", error)
        return TimmConfig()
    return found if own is None else replace(found, preprocessing=own)
