"""Loads a saved model for evaluation, with one function per format."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf

from hub_export.archive import METADATA_FILE, SAVED_MODEL_FILE, SUFFIX
from hub_export.model_facts import collect_facts
from hub_export.trust import admit_saved_model
from hub_export.verification.verify import unpacked_export
from hub_export.verification.worker import load_export
from keras_mixers.catalogue.preprocessing import (
    Interpolation,
    Preprocessing,
    check_crop,
    check_interpolation,
)
from keras_mixers.inference import load_network
from keras_mixers.json_files import read_json
from keras_mixers.models.heads import features_of, is_classifier, without_softmax
from keras_mixers.run_files import (
    MODEL_FILE,
    PREPROCESSING_FILE,
    RECIPE_FILE,
    find_labels,
    read_preprocessing,
)
from keras_mixers.value_checks import check_object
from training.errors import in_one_line
from training.evaluation.loaded_model import LoadedModel, PredictBatch
from training.loop.network import evaluation_preprocessing
from training.recipes import read_recipe

_CLASSIFIER_OUTPUTS = (keras.layers.Dense, keras.layers.Activation, keras.layers.Softmax)


def load_model(
    path: str | Path, labels: str | Path | None = None, trust: bool = False
) -> LoadedModel:
    """Load a model in any of the formats in which this project saves it.

    Images are resized and cropped as the run's own evaluation did; as in the published evaluation,
    for a `.keras` file or SavedModel with a published variant's name and normalisation; or without
    a central crop, as for any TFLite file, which doesn't say which network it holds.

    Args:
        path: a run's folder, a `.keras` file, a SavedModel's folder as `export_saved_model` writes
            it, its `.tar.gz`, or a `.tflite` file of `export_tflite`.
        labels: file of class names, one per line; None: those that came with the model. A
            `labels.txt` beside a lone file is used only if it has one name per class.
        trust: whether to load a SavedModel that may do more than compute; see `admit_saved_model`.

    Raises:
        FileNotFoundError: if there is no such model or file of labels.
        ValueError: if the model is damaged or of another kind, or its labels don't fit.
        UntrustedModelError: if it is a SavedModel that may do more than compute, and isn't trusted.

    >>> import os, tempfile, keras_mixers
    >>> path = os.path.join(tempfile.mkdtemp(), "model.keras")
    >>> keras_mixers.ConvMixer(8, 1, input_shape=(32, 32, 3), classes=5).save(path)
    >>> model = load_model(path)
    >>> model.classes, model.scores(np.zeros((2, 32, 32, 3), "uint8")).shape
    (5, (2, 5))
    """
    path = Path(path)
    if not path.exists():
        raise FileNotFoundError(f"There is no model {str(path)!r}.")
    if (path / MODEL_FILE).is_file():
        return _load_keras(path / MODEL_FILE, path, labels, run_preprocessing(path))
    if path.suffix == ".keras":
        return _load_keras(path, path, labels)
    if (path / SAVED_MODEL_FILE).is_file() or path.name.endswith(SUFFIX):
        with unpacked_export(path) as folder:
            return _load_saved_model(folder, path, labels, trust)
    if path.suffix == ".tflite":
        return _load_tflite(path, labels)
    raise ValueError(
        f"{path} is no model; expected a run's folder with a file {MODEL_FILE}, a .keras file, "
        "a SavedModel's folder, its .tar.gz, or a .tflite file."
    )


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


def read_crop(metadata: Path) -> tuple[float, Interpolation]:
    """Return the crop and interpolation that an export's `metadata.json` gives, or the default.

    Raises:
        ValueError: if the file is damaged.
    """
    return read_json(metadata, "the metadata of an export", _crop)


def _load_keras(
    file: Path, path: Path, labels: str | Path | None, preprocessing: Preprocessing | None = None
) -> LoadedModel:
    """Load a `.keras` file; `path` is the file itself or the run's folder that holds it."""
    model = load_network(file)
    if isinstance(model, keras.Sequential):  # A loaded one has no `output`.
        model = keras.Model(model.inputs[0], model.outputs[0], name=model.name)
    facts = collect_facts(model, preprocessing=preprocessing)
    has_head = is_classifier(model)
    # A network of the user's own may give its head any name.
    has_scores = has_head or isinstance(model.layers[-1], _CLASSIFIER_OUTPUTS)
    shape = model.outputs[0].shape
    if has_scores and len(shape) != 2:
        raise ValueError(f"{file} gives class scores of shape {shape}; expected (B, classes).")
    classes = shape[-1] if has_scores else None
    return LoadedModel(
        file,
        facts.input_shape,
        _keras_function(without_softmax(model)) if has_scores else None,
        _keras_function(features_of(model)) if has_head or not has_scores else None,
        classes,
        None if classes is None else find_labels(path, classes, labels),
        *_crop(facts.to_json()),
    )


def _keras_function(model: keras.Model) -> PredictBatch:
    def predict(pixels: np.ndarray) -> np.ndarray:
        return np.asarray(model.predict_on_batch(pixels.astype("float32")), "float32")

    return predict


def _load_saved_model(
    folder: Path, path: Path, labels: str | Path | None, trust: bool
) -> LoadedModel:
    """Load a SavedModel's folder; `path` is the folder itself or the archive that it came from."""
    admit_saved_model(folder, path, trust)
    try:
        loaded = tf.saved_model.load(str(folder))
    except Exception as error:  # TensorFlow raises many kinds of errors for a damaged file.
        raise ValueError(
            f"{path} can't be loaded as a SavedModel ({in_one_line(error)})."
        ) from None
    signature = loaded.signatures.get("serving_default")
    images = signature and signature.structured_input_signature[1].get("images")
    if not callable(loaded) or images is None:
        raise ValueError(
            f"{path} is no SavedModel as export_saved_model writes it: it can't be called, or has "
            "no signature 'serving_default' of 'images'."
        )
    logits = signature.structured_outputs.get("logits")
    classes = None if logits is None else logits.shape[-1]
    # Calling a classifier gives logits; calling a feature extractor gives features.
    features = loaded if classes is None else getattr(loaded, "features", None)
    assets = folder / "assets"
    metadata = assets / METADATA_FILE
    return LoadedModel(
        path,
        tuple(images.shape[1:]),
        None if classes is None else _tensorflow_function(loaded),
        None if features is None else _tensorflow_function(features),
        classes,
        None if classes is None else find_labels(assets, classes, labels),
        *(read_crop(metadata) if metadata.is_file() else ()),
    )


def _tensorflow_function(function: Callable) -> PredictBatch:
    def predict(pixels: np.ndarray) -> np.ndarray:
        return function(tf.constant(pixels / np.float32(255)), training=False).numpy()

    return predict


def _load_tflite(path: Path, labels: str | Path | None) -> LoadedModel:
    from ai_edge_litert.interpreter import Interpreter

    with _tflite_errors(path):
        interpreter = Interpreter(str(path))
        signatures = list(interpreter.get_signature_list().values())
        inputs, outputs = interpreter.get_input_details(), interpreter.get_output_details()
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
    with _tflite_errors(path):
        run = load_export(path)

    def scores(pixels: np.ndarray) -> np.ndarray:
        with _tflite_errors(path):
            (output,) = run(pixels).values()
        return output

    height, width = (None if size < 0 else size for size in shapes[0][1:3])
    shape, classes = (height, width, shapes[0][3]), shapes[1][1]
    return LoadedModel(path, shape, scores, None, classes, find_labels(path, classes, labels))


@contextmanager
def _tflite_errors(path: Path) -> Iterator[None]:
    # LiteRT checks a file in part when it opens it, and in part when it first runs it.
    try:
        yield
    except Exception as error:
        raise ValueError(
            f"{path} can't be loaded as a TFLite file ({in_one_line(error)})."
        ) from None


def _crop(facts: object) -> tuple[float, Interpolation]:
    """Return the crop and interpolation that a model's facts give, or else the default ones."""
    table = check_object(facts)
    crop, interpolation = table.get("crop"), table.get("interpolation")
    return (
        1.0 if crop is None else check_crop(crop),
        "bicubic" if interpolation is None else check_interpolation(interpolation),
    )
