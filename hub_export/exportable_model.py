"""Models to export, by what a user calls them, and what is known of each."""

import json
from dataclasses import dataclass
from pathlib import Path

import keras

from hub_export.model_facts import Facts, facts_of
from hub_export.requirements import require_classes
from keras_mixers.catalogue import list_models, model_info
from keras_mixers.catalogue.sources import find_source, sources_of
from keras_mixers.conversion import build_from_checkpoint
from keras_mixers.inference import load_network
from keras_mixers.labels import imagenet_names
from keras_mixers.run_files import (
    LABELS_FILE,
    MODEL_FILE,
    RESULT_FILE,
    find_labels,
    read_preprocessing,
)

_IMAGENET = "ImageNet-1k"


@dataclass(frozen=True)
class ExportableModel:
    """A model to export.

    Attributes:
        model: of pixels in [0, 255].
        labels: a name for each class; None: they are not known.
        facts: what is known of it.
    """

    model: keras.Model
    labels: list[str] | None
    facts: Facts


def load_exportable_model(
    name: str,
    weights: str | None = None,
    labels: str | Path | None = None,
    licence: str | None = None,
) -> ExportableModel:
    """Load a model by a file's, a folder's or a variant's name.

    Args:
        name: a `.keras` file; a folder that holds `model.keras`, as training leaves it, with
            `labels.txt`, `preprocessing.json` and `result.json` if there are any; or a variant such
            as "mixer_b16".
        weights: of a variant: what its released weights are called, or a file of them.
        labels: file of the classes' names, one a line; None: those that come with it.
        licence: of the weights, as SPDX names it; None: that of released weights.

    Raises:
        FileNotFoundError: if there is no such model.
        ValueError: if it can't be loaded, or is no model of images, or a variant comes without
            weights, or the names and the classes are not as many.

    >>> import tempfile
    >>> import keras_mixers
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     keras_mixers.ConvMixer(8, 1, classes=5).save(f"{folder}/model.keras")
    ...     load_exportable_model(folder, licence="MIT").facts.licence
    'MIT'
    """
    path = Path(name)
    if not path.exists() and name in list_models():
        if weights is None:
            raise ValueError(f"{name} needs weights; {_released(name)}.")
        return _of_variant(name, weights, labels, licence)
    if weights is not None:
        raise ValueError(f"{name} has weights already; only a variant's name goes with {weights}.")
    is_run = path.is_dir()
    file = path / MODEL_FILE if is_run else path
    if not file.is_file():
        if not is_run and path.name == name and not path.suffix:
            model_info(name)  # Its error offers near names.
        wanted = f"a .keras file, a folder with a file {MODEL_FILE}, or a variant's name"
        raise FileNotFoundError(f"There is no model {str(file)!r}; expected {wanted}.")
    model = load_network(file)
    names = _names(path, labels, model)
    accuracy, source, dataset = _result(path / RESULT_FILE)
    facts = facts_of(model, names, licence, accuracy, source, dataset, read_preprocessing(path))
    return ExportableModel(model, names, facts)


def _of_variant(
    name: str, weights: str, labels: str | Path | None, licence: str | None
) -> ExportableModel:
    if Path(weights).is_file():
        model, _ = build_from_checkpoint(weights, name)
        names = _names(Path(name), labels, model)
        return ExportableModel(model, names, facts_of(model, names, licence))
    source = find_source(name, weights)
    model, _ = build_from_checkpoint(f"{name}:{weights}")
    names = _names(Path(name), labels, model)
    if names is None and source.dataset == _IMAGENET:
        names = list(imagenet_names())
    accuracy = None if source.top1 is None else source.top1 / 100
    facts = facts_of(
        model, names, licence or source.licence, accuracy, source.top1_source, source.dataset
    )
    return ExportableModel(model, names, facts)


def _released(variant: str) -> str:
    names = [source.name for source in sources_of(variant)]
    if not names:
        return "none were released, so give a file of them"
    return f"released are {', '.join(names)}"


def _names(path: Path, labels: str | Path | None, model: keras.Model) -> list[str] | None:
    """Return the class names that are given or lie in the model's folder."""
    # An export is published, so a file beside a lone model, which may be another's, is not used.
    if labels is None and not (path / LABELS_FILE).is_file():
        return None
    require_classes(model, "labels")
    return find_labels(path, model.get_layer("head").units, labels)


def _result(path: Path) -> tuple[float | None, str | None, str | None]:
    """Return a run's accuracy, the command that measured it, and its dataset, where known."""
    if not path.is_file():
        return None, None, None
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        accuracy, command = content.get("accuracy"), content.get("command")
        known = isinstance(accuracy, float | int) and bool(command)
        return (accuracy, command, content.get("dataset")) if known else (None, None, None)
    except (ValueError, AttributeError):
        raise ValueError(f"{path} is no result of a run; expected a table in JSON.") from None
