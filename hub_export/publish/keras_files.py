"""Writes the files of a model that are read without running it, each compared with the model."""

import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

import keras
import numpy as np

from hub_export.model_facts import ModelFacts
from hub_export.publish.timm_network import timm_config, timm_network
from hub_export.verification.comparison import Tolerances, check_output
from hub_export.verification.images import comparison_pixels
from keras_mixers.catalogue.preprocessing import Preprocessing
from keras_mixers.inference import read_keras_file
from keras_mixers.labels import format_labels
from keras_mixers.models.heads import is_classifier
from keras_mixers.models.published import model_family
from keras_mixers.run_files import LABELS_FILE, MODEL_FILE, PREPROCESSING_FILE
from keras_mixers.weights.errors import CheckpointError
from keras_mixers.weights.hubs.fetch import TIMM_CONFIG_FILE, WEIGHTS_FILE
from keras_mixers.weights.layouts.fitting import fitting_layouts
from keras_mixers.weights.layouts.layout import Origin
from keras_mixers.weights.load import load_checkpoint
from keras_mixers.weights.save import save_checkpoint

# All that may be written; what is left of an earlier model with a hub's folder must go.
KERAS_FILES = (MODEL_FILE, WEIGHTS_FILE, LABELS_FILE, PREPROCESSING_FILE, TIMM_CONFIG_FILE)
# It is the same network on the same machine, only built anew.
_TOLERANCES = Tolerances(1e-5)


def write_keras_files(
    folder: Path, model: keras.Model, labels: Sequence[str] | None, facts: ModelFacts
) -> None:
    """Write a model, its weights, class names and preprocessing into an empty folder.

    `model.keras` is the model; `model.safetensors` its weights under timm's names, or those of the
    family's authors where timm hasn't the family; `config.json` is there if timm builds the network
    by name, so that `timm.create_model("hf-hub:user/name")` does. `model.keras` and the weights are
    loaded again and compared with the model.

    Args:
        folder: The folder.
        model: A model with `include_preprocessing=True`.
        labels: One name per class.
        facts: What is known about the model.

    Raises:
        ValueError: If what was written doesn't match the model.
        OSError: If it can't be written.
    """
    model.save(folder / MODEL_FILE)
    origin = weights_origin(model)
    if origin is not None:
        save_checkpoint(model, folder / WEIGHTS_FILE, origin)
    if labels is not None:
        _write(folder / LABELS_FILE, format_labels(labels))
    preprocessing = _preprocessing(facts)
    if preprocessing is not None:
        _write_json(folder / PREPROCESSING_FILE, asdict(preprocessing))
    network = timm_network(model)
    if origin == "timm" and network is not None and network.name is not None:
        _write_json(folder / TIMM_CONFIG_FILE, timm_config(model, network.name, facts, labels))
    _compare(folder, model)


def weights_origin(model: keras.Model) -> Origin | None:
    """Return under whose names a model's weights are published; None if no library has names.

    >>> import keras_mixers
    >>> weights_origin(keras_mixers.ConvMixer(8, 1))
    'timm'
    """
    if model_family(model) is None:  # A head alone would fit each family's names.
        return None
    try:
        origins = [layout.origin for layout in fitting_layouts(model)]
    except CheckpointError:
        return None
    return next((origin for origin in ("timm", "authors") if origin in origins), None)


def _preprocessing(facts: ModelFacts) -> Preprocessing | None:
    """Return how images are preprocessed, if all of it is known."""
    if facts.mean is None or facts.std is None or facts.crop is None:
        return None
    # Of images with other channels than three, all are normalised alike.
    mean, std = (
        values if len(values) == 3 else values[:1] * 3 for values in (facts.mean, facts.std)
    )
    return Preprocessing(mean, std, facts.crop, facts.interpolation or "bicubic")  # type: ignore[arg-type]


def _compare(folder: Path, model: keras.Model) -> None:
    """Raise ValueError unless the files, when they are loaded, give what the model gives."""
    pixels = comparison_pixels(model, None).astype("float32")
    expected = _outputs(model, pixels)
    loaded = read_keras_file(folder / MODEL_FILE)
    _check(MODEL_FILE, loaded, pixels, expected)
    height, width = model.inputs[0].shape[1:3]
    # Of other images, the file alone doesn't say how their patches lie.
    if height == width and (folder / WEIGHTS_FILE).is_file():
        load_checkpoint(loaded, folder / WEIGHTS_FILE)
        _check(WEIGHTS_FILE, loaded, pixels, expected)


def _check(name: str, loaded: keras.Model, pixels: np.ndarray, expected: np.ndarray) -> None:
    fault = check_output(
        name, _outputs(loaded, pixels), expected, _TOLERANCES, is_classifier(loaded)
    ).fault
    if fault:
        raise ValueError(f"{fault}. Nothing was published.")


def _outputs(model: keras.Model, pixels: np.ndarray) -> np.ndarray:
    return keras.ops.convert_to_numpy(model(pixels, training=False)).astype("float32")


def _write_json(path: Path, content: object) -> None:
    _write(path, json.dumps(content, indent=2) + "\n")


def _write(path: Path, text: str) -> None:
    path.write_text(text, encoding="utf-8")
