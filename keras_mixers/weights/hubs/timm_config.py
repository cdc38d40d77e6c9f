"""Reads timm's `config.json`: how images are preprocessed, and the names of classes."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from keras_mixers.catalogue.preprocessing import Preprocessing
from keras_mixers.json_files import read_json
from keras_mixers.labels import imagenet_names
from keras_mixers.printable import has_controls
from keras_mixers.value_checks import check_object

_IMAGENET_CLASSES = 1000


@dataclass(frozen=True)
class TimmConfig:
    """What a repository of timm's says about its weights; None for what it doesn't say.

    Attributes:
        preprocessing: How images are preprocessed for evaluation.
        labels: One name per class.
    """

    preprocessing: Preprocessing | None = None
    labels: tuple[str, ...] | None = None


def read_timm_config(path: Path) -> TimmConfig:
    """Return what a file says; files of other libraries with the same name say nothing.

    Raises:
        ValueError: If it is damaged, or says what can't be.

    >>> import tempfile
    >>> path = Path(tempfile.mkdtemp(), "config.json")
    >>> _ = path.write_text('{"architecture": "any", "label_names": ["ant", "bee"]}')
    >>> read_timm_config(path).labels
    ('ant', 'bee')
    """
    return read_json(path, "a configuration of timm", _build)


def _build(content: object) -> TimmConfig:
    table = check_object(content)
    if "architecture" not in table:
        return TimmConfig()
    # Until 2023, timm wrote one table.
    inner = check_object(table.get("pretrained_cfg", table))
    return TimmConfig(_preprocessing(inner), _labels({**inner, **table}))


def _preprocessing(table: dict[str, Any]) -> Preprocessing | None:
    if "mean" not in table or "std" not in table:
        return None
    mean, std = (
        tuple(values) if isinstance(values := table[name], list) else values
        for name in ("mean", "std")
    )
    crop, interpolation = table.get("crop_pct", 1.0), table.get("interpolation", "bicubic")
    return Preprocessing(mean, std, crop, interpolation)


def _labels(table: dict[str, Any]) -> tuple[str, ...] | None:
    names = table.get("label_names")
    if isinstance(names, list) and all(isinstance(name, str) for name in names):
        return None if any(map(has_controls, names)) else tuple(names)
    # The ends of timm's tags say what weights were last trained on.
    if table.get("num_classes") == _IMAGENET_CLASSES and str(table.get("tag")).endswith("in1k"):
        return tuple(imagenet_names())
    return None
