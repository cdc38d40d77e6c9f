"""Loads an export for evaluation, with one function per format."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import tensorflow as tf

from hub_export.archive import METADATA_FILE
from hub_export.named_model import Form
from hub_export.requirements import require_packages
from hub_export.trust import admit_saved_model
from hub_export.verification.file_output import onnx_gives_probabilities, tflite_gives_probabilities
from hub_export.verification.verify import unpacked_export
from hub_export.verification.worker import load_export
from keras_mixers.catalogue.preprocessing import (
    Interpolation,
    check_crop,
    check_interpolation,
)
from keras_mixers.json_files import read_json
from keras_mixers.run_files import find_labels
from keras_mixers.value_checks import check_object
from training.errors import in_one_line
from training.evaluation.loaded_model import LoadedModel, PredictBatch

Labels = str | Path | None


def read_crop(metadata: Path) -> tuple[float, Interpolation]:
    """Return the crop and interpolation that an export's `metadata.json` gives, or the default.

    Raises:
        ValueError: if the file is damaged.
    """
    return read_json(metadata, "the metadata of an export", find_crop)


def find_crop(facts: object) -> tuple[float, Interpolation]:
    """Return the crop and interpolation that a model's facts give, or else the default ones."""
    table = check_object(facts)
    crop, interpolation = table.get("crop"), table.get("interpolation")
    return (
        1.0 if crop is None else check_crop(crop),
        "bicubic" if interpolation is None else check_interpolation(interpolation),
    )


def load_saved_model(path: Path, labels: Labels, trust: bool) -> LoadedModel:
    """Load a SavedModel's folder or its `.tar.gz`; errors are those of `load_model`."""
    with unpacked_export(path) as folder:
        return _load_saved_model(folder, path, labels, trust)


def _load_saved_model(folder: Path, path: Path, labels: Labels, trust: bool) -> LoadedModel:
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
        None if classes is None else _signature_function(signature),
        classes,
        None if classes is None else find_labels(assets, classes, labels),
        *(read_crop(metadata) if metadata.is_file() else ()),
    )


def _tensorflow_function(function: Callable) -> PredictBatch:
    def predict(pixels: np.ndarray) -> np.ndarray:
        return function(tf.constant(pixels / np.float32(255)), training=False).numpy()

    return predict


def _signature_function(signature: Callable) -> PredictBatch:
    """Return the probabilities of a signature, or the softmax of its logits."""

    def predict(pixels: np.ndarray) -> np.ndarray:
        found = signature(images=tf.constant(pixels / np.float32(255)))
        if "probabilities" in found:
            return found["probabilities"].numpy()
        return tf.nn.softmax(found["logits"]).numpy()

    return predict


def load_tflite(path: Path, labels: Labels) -> LoadedModel:
    """Load a TFLite file of `export_tflite`; errors are those of `load_model`."""
    from ai_edge_litert.interpreter import Interpreter

    with _errors_of(path, Form.TFLITE):
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
    shape, classes = [None if size < 0 else size for size in shapes[0][1:]], shapes[1][1]
    with _errors_of(path, Form.TFLITE):
        gives_probabilities = tflite_gives_probabilities(path.read_bytes())
    return _from_file(path, Form.TFLITE, (shape, classes), labels, gives_probabilities)


def load_onnx(path: Path, labels: Labels) -> LoadedModel:
    """Load an ONNX file of `export_onnx`; errors are those of `load_model`.

    Raises:
        ImportError: if a package of the extra `onnx` is missing.
    """
    require_packages("onnx", "onnx", "onnxruntime")
    import onnx

    with _errors_of(path, Form.ONNX):
        graph = onnx.load(path).graph
        (images,), (output,) = graph.input, graph.output
        shape, scores = (
            [axis.dim_value or None for axis in entry.type.tensor_type.shape.dim]
            for entry in (images, output)
        )
    classes = scores[-1] if len(scores) == 2 else None
    if images.name != "images" or len(shape) != 4 or classes is None:
        raise ValueError(
            f"{path} is no ONNX classifier as export_onnx writes it, from 'images' (B, H, W, C) to "
            "(B, classes)."
        )
    gives_probabilities = onnx_gives_probabilities(graph)
    return _from_file(path, Form.ONNX, (shape[1:], classes), labels, gives_probabilities)


@contextmanager
def _errors_of(path: Path, form: Form) -> Iterator[None]:
    # Runtimes check a file in part when they open it, and in part when they first run it.
    try:
        yield
    except Exception as error:
        raise ValueError(f"{path} can't be loaded as {form} ({in_one_line(error)}).") from None


def _from_file(
    path: Path,
    form: Form,
    sizes: tuple[list[int | None], int],
    labels: Labels,
    gives_probabilities: bool,
) -> LoadedModel:
    """Return a model in one file, which says neither its crop nor what its scores are called.

    Args:
        path: the file.
        form: what messages call it.
        sizes: height, width and channels of its images, and the number of its classes.
        labels: file of class names.
        gives_probabilities: whether its scores are no logits.
    """
    (height, width, channels), classes = sizes
    with _errors_of(path, form):
        run = load_export(path)

    def scores(pixels: np.ndarray) -> np.ndarray:
        with _errors_of(path, form):
            (output,) = run(pixels).values()
        return output

    def probabilities(pixels: np.ndarray) -> np.ndarray:
        return scores(pixels) if gives_probabilities else tf.nn.softmax(scores(pixels)).numpy()

    names = find_labels(path, classes, labels)
    return LoadedModel(
        path, (height, width, channels or 0), scores, None, probabilities, classes, names
    )
