"""Loads a model in any form for evaluation."""

from functools import partial
from pathlib import Path

import keras
import numpy as np

from hub_export.exportable_model import load_exportable_model
from hub_export.model_facts import ModelFacts, collect_facts
from hub_export.named_model import Form, NamedModel, find_model
from keras_mixers.catalogue.preprocessing import Preprocessing
from keras_mixers.inference import load_network, probabilities
from keras_mixers.models.heads import features_of, is_classifier, without_softmax
from keras_mixers.run_files import (
    MODEL_FILE,
    PREPROCESSING_FILE,
    RECIPE_FILE,
    find_labels,
    read_preprocessing,
)
from training.evaluation.load_exports import find_crop, load_onnx, load_saved_model, load_tflite
from training.evaluation.loaded_model import LoadedModel, PredictBatch
from training.loop.network import evaluation_preprocessing
from training.recipes import read_recipe

_CLASSIFIER_OUTPUTS = (keras.layers.Dense, keras.layers.Activation, keras.layers.Softmax)


def load_model(
    model: str | Path,
    labels: str | Path | None = None,
    trust: bool = False,
    weights: str | None = None,
) -> LoadedModel:
    """Load a model in any of the forms in which this project saves it, or a published variant.

    Images are resized and cropped as the run's own evaluation did; as in that of the released
    weights; as in the published evaluation, for a `.keras` file or SavedModel with a published
    variant's name and normalisation; or without a central crop, as for any TFLite or ONNX file,
    which doesn't say which network it holds.

    Args:
        model: a run's folder, a `.keras` file, a SavedModel's folder as `export_saved_model` writes
            it, its `.tar.gz`, a `.tflite` file of `export_tflite`, an `.onnx` file of
            `export_onnx`, an address on a hub such as "hf://user/name", or a variant's name.
        labels: file of class names, one per line; None: those that came with the model. A
            `labels.txt` beside a lone file is used only if it has one name per class.
        trust: whether to load a SavedModel that may do more than compute; see `admit_saved_model`.
        weights: of a variant, the name of released weights or an address on a hub, which are
            downloaded, or a file.

    Raises:
        FileNotFoundError: if there is no such model or file of labels.
        OSError: if the model or its weights can't be downloaded.
        ValueError: if the model is damaged or of another kind, or its labels don't fit.
        UntrustedModelError: if it is a SavedModel that may do more than compute, and isn't trusted.

    >>> import os, tempfile, keras_mixers
    >>> path = os.path.join(tempfile.mkdtemp(), "model.keras")
    >>> keras_mixers.ConvMixer(8, 1, input_shape=(32, 32, 3), classes=5).save(path)
    >>> model = load_model(path)
    >>> model.classes, model.scores(np.zeros((2, 32, 32, 3), "uint8")).shape
    (5, (2, 5))
    """
    found = find_model(model, weights)
    path = found.path
    match found.form:
        case Form.VARIANT:
            return _load_variant(found, labels)
        case Form.RUN:
            return _load_keras(path / MODEL_FILE, path, labels, run_preprocessing(path))
        case Form.HUB:
            file = found.file()
            return _load_keras(file, file.parent, labels, read_preprocessing(file.parent))
        case Form.KERAS:
            return _load_keras(path, path, labels)
        case Form.SAVED_MODEL:
            return load_saved_model(path, labels, trust)
        case Form.TFLITE:
            return load_tflite(path, labels)
        case Form.ONNX:
            return load_onnx(path, labels)


def run_preprocessing(folder: Path) -> Preprocessing | None:
    """Return the preprocessing of a run's evaluation; None if the folder doesn't say.

    Raises:
        ValueError: if the file that says it is damaged.
    """
    recipe = folder / RECIPE_FILE
    if (folder / PREPROCESSING_FILE).is_file() or not recipe.is_file():
        return read_preprocessing(folder)
    # A run that was written before there was a preprocessing.json.
    trained = read_recipe(recipe)
    return evaluation_preprocessing(trained.model, trained.weights)


def _load_keras(
    file: Path, path: Path, labels: str | Path | None, preprocessing: Preprocessing | None = None
) -> LoadedModel:
    """Load a `.keras` file; `path` is the file itself or the run's folder that holds it."""
    model = load_network(file)
    if isinstance(model, keras.Sequential):  # A loaded one has no `output`.
        model = keras.Model(model.inputs[0], model.outputs[0], name=model.name)
    classes = _count_classes(model, file)
    names = None if classes is None else find_labels(path, classes, labels)
    return _from_network(model, file, collect_facts(model, preprocessing=preprocessing), names)


def _load_variant(variant: NamedModel, labels: str | Path | None) -> LoadedModel:
    origin = load_exportable_model(variant.name, variant.weights, labels)
    return _from_network(origin.model, variant.path, origin.facts, origin.labels)


def _count_classes(model: keras.Model, path: Path) -> int | None:
    """Return the number of a network's classes, or None if it gives features."""
    # A network of the user's own may give its head any name.
    if not (is_classifier(model) or isinstance(model.layers[-1], _CLASSIFIER_OUTPUTS)):
        return None
    shape = model.outputs[0].shape
    if len(shape) != 2:
        raise ValueError(f"{path} gives class scores of shape {shape}; expected (B, classes).")
    return shape[-1]


def _from_network(
    model: keras.Model, path: Path, facts: ModelFacts, names: list[str] | None
) -> LoadedModel:
    classes = _count_classes(model, path)
    has_features = is_classifier(model) or classes is None
    return LoadedModel(
        path,
        facts.input_shape,
        None if classes is None else _keras_function(without_softmax(model)),
        _keras_function(features_of(model)) if has_features else None,
        None if classes is None else partial(probabilities, model),
        classes,
        names,
        *find_crop(facts.to_json()),
    )


def _keras_function(model: keras.Model) -> PredictBatch:
    def predict(pixels: np.ndarray) -> np.ndarray:
        return np.asarray(model.predict_on_batch(pixels.astype("float32")), "float32")

    return predict
