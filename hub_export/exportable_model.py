"""Loads the model that a user wants to export, with what is known about it."""

from dataclasses import dataclass
from pathlib import Path

import keras

from hub_export.model_facts import ModelFacts, collect_facts
from hub_export.named_model import Form, find_model
from hub_export.requirements import require_classifier
from keras_mixers.catalogue import model_info
from keras_mixers.catalogue.sources import find_source, sources_of
from keras_mixers.conversion import build_from_checkpoint
from keras_mixers.inference import load_network
from keras_mixers.json_files import read_json
from keras_mixers.labels import imagenet_names
from keras_mixers.models.registry import create_model
from keras_mixers.run_files import (
    LABELS_FILE,
    RESULT_FILE,
    find_labels,
    read_preprocessing,
)
from keras_mixers.value_checks import check_number, check_object, check_text
from keras_mixers.weights.hubs.address import is_hub_address
from keras_mixers.weights.hubs.fetch import fetch_weights

_IMAGENET = "ImageNet-1k"


@dataclass(frozen=True)
class ExportableModel:
    """A model to export.

    Attributes:
        model: The model, which takes pixels in [0, 255].
        labels: One name per class; None if the names aren't known.
        facts: What is known about the model.
    """

    model: keras.Model
    labels: list[str] | None
    facts: ModelFacts


def load_exportable_model(
    name: str,
    weights: str | None = None,
    labels: str | Path | None = None,
    licence: str | None = None,
) -> ExportableModel:
    """Load a model from a file, from a run's folder, or by the name of a variant.

    Args:
        name: A `.keras` file; a run's folder with `model.keras` and, if they exist, `labels.txt`,
            `preprocessing.json` and `result.json`; a model on a hub, such as "hf://user/name"; or
            the name of a variant, such as "mixer_b16".
        weights: For a variant, the name of released weights, a file of weights, or an address on a
            hub.
        labels: File of class names, one per line. By default, the names that come with the model.
        licence: SPDX identifier of the weights' licence. By default, that of released weights.

    Raises:
        FileNotFoundError: If there is no such model.
        DownloadError: An OSError, if it or its weights can't be downloaded.
        ValueError: If the model is an export itself, can't be loaded or doesn't take images, a
            variant is given without weights, or the number of names differs from the number of
            classes.

    >>> import tempfile
    >>> import keras_mixers
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     keras_mixers.ConvMixer(8, 1, classes=5).save(f"{folder}/model.keras")
    ...     load_exportable_model(folder, licence="MIT").facts.licence
    'MIT'
    """
    found = find_model(name, weights)
    found.require_keras()
    if found.form is Form.VARIANT:
        if weights is None:
            raise ValueError(f"{name} needs weights; {_list_released_weights(name)}.")
        return _load_variant(name, weights, labels, licence)
    file, path = found.file(), found.path
    if found.form is Form.HUB:
        path = file.parent  # As in a run's folder, what lies there belongs to the model.
    model = load_network(file)
    names = _read_class_names(path, labels, model)
    accuracy, source, dataset = _read_result(path / RESULT_FILE)
    preprocessing = read_preprocessing(path)
    facts = collect_facts(model, names, licence, accuracy, source, dataset, preprocessing)
    return ExportableModel(model, names, facts)


def _load_variant(
    name: str, weights: str, labels: str | Path | None, licence: str | None
) -> ExportableModel:
    if is_hub_address(weights):
        return _load_variant_of_hub(name, weights, labels, licence)
    if Path(weights).is_file():
        model, _ = build_from_checkpoint(weights, name)
        names = _read_class_names(Path(name), labels, model)
        preprocessing = model_info(name).preprocessing
        facts = collect_facts(model, names, licence, preprocessing=preprocessing)
        return ExportableModel(model, names, facts)
    source = find_source(name, weights)
    model, _ = build_from_checkpoint(f"{name}:{weights}")
    names = _read_class_names(Path(name), labels, model)
    if names is None and source.dataset == _IMAGENET:
        names = list(imagenet_names())
    accuracy = None if source.top1 is None else source.top1 / 100
    facts = collect_facts(
        model,
        names,
        licence or source.licence,
        accuracy,
        source.top1_source,
        source.dataset,
        source.preprocessing,
    )
    return ExportableModel(model, names, facts)


def _load_variant_of_hub(
    name: str, weights: str, labels: str | Path | None, licence: str | None
) -> ExportableModel:
    info = model_info(name)
    found = fetch_weights(weights, info.family, int(info.arguments["depth"]))
    model = create_model(name, weights=found.name)
    names = _read_class_names(found.path.parent, labels, model)
    if names is None and found.labels is not None:
        names = list(found.labels)
    preprocessing = found.preprocessing or info.preprocessing
    facts = collect_facts(model, names, licence, preprocessing=preprocessing)
    return ExportableModel(model, names, facts)


def _list_released_weights(variant: str) -> str:
    names = [source.name for source in sources_of(variant)]
    if not names:
        return "none were released, so give a file of weights"
    return f"released weights are {', '.join(names)}"


def _read_class_names(
    path: Path, labels: str | Path | None, model: keras.Model
) -> list[str] | None:
    """Return the class names that are given, or those in the model's folder."""
    # Names beside a lone model file are ignored: they may belong to another model, and an export is
    # meant to be published.
    if labels is None and not (path / LABELS_FILE).is_file():
        return None
    require_classifier(model, "labels")
    return find_labels(path, model.get_layer("head").units, labels)


def _read_result(path: Path) -> tuple[float | None, str | None, str | None]:
    """Return a run's accuracy, the command that measured it, and its data set, if known."""
    if not path.is_file():
        return None, None, None
    return read_json(path, "the result of a run", _accuracy_and_source)


def _accuracy_and_source(content: object) -> tuple[float | None, str | None, str | None]:
    table = check_object(content)
    accuracy, command, dataset = (table.get(name) for name in ("accuracy", "command", "dataset"))
    for name, value in (("command", command), ("dataset", dataset)):
        if value is not None:
            check_text(name, value)
    if accuracy is None or not command:
        return None, None, None
    return check_number("accuracy", accuracy, 0, 1), command, dataset
