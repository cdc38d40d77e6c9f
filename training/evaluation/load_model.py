"""Loads a trained model from whatever form it was saved in."""

import json
from collections.abc import Callable
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf

from hub_export.archive import SAVED_MODEL_FILE, SUFFIX
from hub_export.model_facts import facts_of
from hub_export.verification.verify import opened
from hub_export.verification.worker import load
from keras_mixers.inference import load_network
from keras_mixers.labels import class_names
from keras_mixers.models.heads import features_of, is_classifier, without_softmax
from keras_mixers.run_files import LABELS_FILE, MODEL_FILE, RECIPE_FILE
from training.evaluation.loaded_model import Cut, LoadedModel, Run
from training.loop.network import evaluation_preprocessing
from training.recipe import Recipe

METADATA = "metadata.json"
_LAST_OF_CLASSIFIERS = (keras.layers.Dense, keras.layers.Activation, keras.layers.Softmax)

Names = Callable[[int], tuple[str, ...] | None]


def open_model(path: str | Path, labels: str | Path | None = None) -> LoadedModel:
    """Load a model as it was saved.

    Images are cut as the recipe of a run says; or as the published evaluation of the variant was,
    for a model of its name and normalisation, and for a SavedModel of one; or plainly, as for any
    TFLite file, which does not say whose it is.

    Args:
        path: a run's folder, a `.keras` file, a SavedModel's folder as `export_saved_model` writes
            it, its `.tar.gz`, or a `.tflite` file of `export_tflite`.
        labels: file of class names, one a line; None: those that came with the model. A
            `labels.txt` beside a lone file counts where it has as many names as there are classes.

    Raises:
        FileNotFoundError: if there is nothing at `path`, or no such `labels`.
        ValueError: if what is there is damaged or of another kind.

    >>> import os, tempfile, keras_mixers
    >>> path = os.path.join(tempfile.mkdtemp(), "model.keras")
    >>> keras_mixers.ConvMixer(8, 1, input_shape=(32, 32, 3), classes=5).save(path)
    >>> model = open_model(path)
    >>> model.classes, model.scores(np.zeros((2, 32, 32, 3), "uint8")).shape
    (5, (2, 5))
    """
    path = Path(path)
    if not path.exists():
        raise FileNotFoundError(f"There is no model {str(path)!r}.")
    if (path / MODEL_FILE).is_file():
        return _open_run(path, labels)
    if path.suffix == ".keras":
        return _open_keras(path, _beside(path, labels), None)
    if path.suffix != ".tflite" and not path.name.endswith(SUFFIX) and not _is_saved_model(path):
        raise ValueError(
            f"{path} is no model; expected a run's folder with a file {MODEL_FILE}, a .keras file, "
            "a SavedModel's folder, its .tar.gz, or a .tflite file."
        )
    with opened(path) as export:
        if export.is_dir():
            return _open_saved_model(export, path, labels)
        return _open_tflite(path, _beside(path, labels))


def _is_saved_model(path: Path) -> bool:
    return (path / SAVED_MODEL_FILE).is_file()


def _open_run(folder: Path, labels: str | Path | None) -> LoadedModel:
    recipe, cut = folder / RECIPE_FILE, None
    if recipe.is_file():
        how = evaluation_preprocessing(Recipe.from_json(recipe.read_text(encoding="utf-8")))
        cut = Cut(how.crop, how.interpolation)
    if labels is None and (folder / LABELS_FILE).is_file():
        labels = folder / LABELS_FILE
    return _open_keras(folder / MODEL_FILE, lambda classes: _names(labels, classes), cut)


def _open_keras(path: Path, names: Names, cut: Cut | None) -> LoadedModel:
    model = load_network(path)
    if isinstance(model, keras.Sequential):  # Loaded, it has no `output`.
        model = keras.Model(model.inputs[0], model.outputs[0], name=model.name)
    facts = facts_of(model)
    has_head = is_classifier(model)
    # A user's own network may call its head as it likes.
    scores = has_head or isinstance(model.layers[-1], _LAST_OF_CLASSIFIERS)
    shape = model.outputs[0].shape
    if scores and len(shape) != 2:
        raise ValueError(f"{path} gives class scores of shape {shape}; expected (B, classes).")
    classes = shape[-1] if scores else None
    return LoadedModel(
        path,
        facts.input_shape,
        _keras_run(without_softmax(model)) if scores else None,
        _keras_run(features_of(model)) if has_head or not scores else None,
        classes,
        None if classes is None else names(classes),
        _cut(facts.to_json()) if cut is None else cut,
    )


def _keras_run(model: keras.Model) -> Run:
    def run(pixels: np.ndarray) -> np.ndarray:
        return np.asarray(model.predict_on_batch(pixels.astype("float32")), "float32")

    return run


def _open_saved_model(folder: Path, path: Path, labels: str | Path | None) -> LoadedModel:
    try:
        loaded = tf.saved_model.load(str(folder))
    except Exception as error:  # What a damaged file meets in TensorFlow is open-ended.
        raise ValueError(f"{path} can't be loaded as a SavedModel ({_line(error)}).") from None
    signature = loaded.signatures.get("serving_default")
    images = signature and signature.structured_input_signature[1].get("images")
    if not callable(loaded) or images is None:
        raise ValueError(
            f"{path} is no SavedModel as export_saved_model writes it: it can't be called, or has "
            "no signature 'serving_default' of 'images'."
        )
    logits = signature.structured_outputs.get("logits")
    classes = None if logits is None else logits.shape[-1]
    # What a classifier gives when called is no features; what a feature vector gives is.
    features = loaded if classes is None else getattr(loaded, "features", None)
    if labels is None and (folder / "assets" / LABELS_FILE).is_file():
        labels = folder / "assets" / LABELS_FILE
    metadata = folder / "assets" / METADATA
    return LoadedModel(
        path,
        tuple(images.shape[1:]),
        None if classes is None else _tensorflow_run(loaded),
        None if features is None else _tensorflow_run(features),
        classes,
        None if classes is None else _names(labels, classes),
        _cut(json.loads(metadata.read_text(encoding="utf-8")) if metadata.is_file() else {}),
    )


def _tensorflow_run(function: Callable) -> Run:
    def run(pixels: np.ndarray) -> np.ndarray:
        return function(tf.constant(pixels / np.float32(255)), training=False).numpy()

    return run


def _open_tflite(path: Path, names: Names) -> LoadedModel:
    from ai_edge_litert.interpreter import Interpreter

    try:
        interpreter = Interpreter(str(path))
        signatures = list(interpreter.get_signature_list().values())
        inputs, outputs = interpreter.get_input_details(), interpreter.get_output_details()
    except Exception as error:
        raise ValueError(f"{path} can't be loaded as a TFLite file ({_line(error)}).") from None
    shapes = [entry["shape_signature"].tolist() for entry in (*inputs, *outputs)]
    if (
        [signature["inputs"] for signature in signatures] != [["images"]]
        or [len(shape) for shape in shapes] != [4, 2]
        or inputs[0]["dtype"] not in (np.float32, np.uint8)
    ):
        raise ValueError(
            f"{path} is no TFLite classifier as export_tflite writes it, from 'images' "
            "(B, H, W, C), float32 or uint8, to (B, classes)."
        )
    run = load(path)

    def scores(pixels: np.ndarray) -> np.ndarray:
        (found,) = run(pixels).values()
        return found

    height, width = (None if size < 0 else size for size in shapes[0][1:3])
    shape, classes = (height, width, shapes[0][3]), shapes[1][1]
    return LoadedModel(path, shape, scores, None, classes, names(classes), Cut())


def _cut(facts: dict) -> Cut:
    crop, interpolation = facts.get("crop"), facts.get("interpolation")
    return Cut() if crop is None or interpolation is None else Cut(crop, interpolation)


def _beside(path: Path, labels: str | Path | None) -> Names:
    """Return what reads the class names of a lone file; those beside it may be of another."""

    def names(classes: int) -> tuple[str, ...] | None:
        beside = path.with_name(LABELS_FILE)
        if labels is not None or not beside.is_file():
            return _names(labels, classes)
        try:
            return _names(beside, classes)
        except ValueError:
            return None

    return names


def _names(labels: str | Path | None, classes: int) -> tuple[str, ...] | None:
    return None if labels is None else tuple(class_names(labels, classes))


def _line(error: Exception) -> str:
    return " ".join(str(error).split()) or type(error).__name__
