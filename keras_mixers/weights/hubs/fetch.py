"""Fetches a model, or weights, from a hub: from the cache, or by the hub's client."""

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from keras_mixers.catalogue.preprocessing import Preprocessing
from keras_mixers.json_files import read_json
from keras_mixers.run_files import (
    LABELS_FILE,
    MODEL_FILE,
    PREPROCESSING_FILE,
    read_preprocessing,
)
from keras_mixers.value_checks import check_object
from keras_mixers.weights.errors import as_checkpoint_error
from keras_mixers.weights.hubs.address import HubAddress, parse_hub_address
from keras_mixers.weights.hubs.hugging_face import download_from_hugging_face
from keras_mixers.weights.hubs.kaggle import download_from_kaggle
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
    """

    name: str
    path: Path
    classes: int | None
    preprocessing: Preprocessing | None


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
    companions = (LABELS_FILE, PREPROCESSING_FILE, TIMM_CONFIG_FILE)
    file, found = _fetch(address, WEIGHTS_FILE, companions)
    return HubWeights(
        str(found), file, _count_classes(file, family, depth), _find_preprocessing(file.parent)
    )


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


def _find_preprocessing(folder: Path) -> Preprocessing | None:
    """Return what `preprocessing.json` of this project, or timm's `config.json`, says."""
    try:
        found = read_preprocessing(folder)
        config = folder / TIMM_CONFIG_FILE
        if found is None and config.is_file():
            found = read_json(config, "a configuration of timm", _timm_preprocessing)
    except ValueError as error:
        _LOG.warning("%s The preprocessing of the variant is taken.", error)
        return None
    return found


def _timm_preprocessing(content: object) -> Preprocessing | None:
    table = check_object(content)
    # Until 2023, timm wrote one table; other libraries' files have the same name.
    inner: Any = table.get("pretrained_cfg", table)
    how = check_object(inner)
    if "mean" not in how or "std" not in how:
        return None
    mean, std = (
        tuple(values) if isinstance(values := how[name], list) else values
        for name in ("mean", "std")
    )
    crop = how.get("crop_pct", 1.0)
    return Preprocessing(mean, std, crop, how.get("interpolation", "bicubic"))
