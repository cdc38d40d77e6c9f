"""Writes a model as a SavedModel that users of TensorFlow Hub load, call and fine-tune."""

import json
import tempfile
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf

from hub_export.archive import METADATA_FILE, SAVED_MODEL_FILE
from hub_export.model_facts import collect_facts
from hub_export.requirements import (
    require_label_per_class,
    require_preprocessing_layer,
    require_tensorflow,
)
from hub_export.saved_model.reusable import make_reusable
from hub_export.verification.verify import Verification, export_verified
from keras_mixers.gradients.use import backend_gradients
from keras_mixers.labels import format_labels
from keras_mixers.models.heads import features_of, is_classifier, to_probabilities, without_softmax
from keras_mixers.run_files import LABELS_FILE


def export_saved_model(
    model: keras.Model,
    path: str | Path,
    labels: Sequence[str] | None = None,
    overwrite: bool = False,
    data: np.ndarray | str | Path | None = None,
) -> Verification:
    """Write a model as a reusable SavedModel, a folder for `tensorflow_hub.load(path)`.

    The loaded object maps images (B, H, W, C), float32 in [0, 1], to float32 logits (B, classes),
    or, for a model without top, to its features. It has `__call__(inputs, training=False)`, traced
    for both values of `training`, `variables`, `trainable_variables` and `regularization_losses`; a
    classifier also has `features`, an object with the same interface.

    The signatures take `images`. A classifier's `serving_default` returns `logits` and
    `probabilities`; `image_classification` and `feature_vector` return `default`. The assets are
    `labels.txt`, if there are labels, and `metadata.json`.

    Before the folder appears at `path`, it is loaded in a new process and compared with the model;
    see `verify`.

    Args:
        model: A model with `include_preprocessing=True`, so that it takes pixels in [0, 255]. Its
            input's height and width become those of the SavedModel; None means any.
        path: The folder to write. It appears whole or not at all.
        labels: One name per class.
        overwrite: Whether to replace a SavedModel at `path`.
        data: Images for the comparison, as `verify` takes them.

    Returns:
        What was compared.

    Raises:
        ValueError: If it isn't known which pixels the model expects, the number of labels differs
            from the number of classes, Keras doesn't run on TensorFlow, or the comparison fails.
        FileExistsError: If `path` exists and may not be replaced.
        FileNotFoundError: If the folder to write into doesn't exist.

    Example:

    >>> import tempfile, keras_mixers, tensorflow_hub
    >>> model = keras_mixers.MLPMixer(8, 1, input_shape=(32, 32, 3), classes=5)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     _ = export_saved_model(model, f"{folder}/mixer")
    ...     tensorflow_hub.load(f"{folder}/mixer")(tf.ones((2, 32, 32, 3))).shape
    TensorShape([2, 5])

    Reference: https://www.tensorflow.org/hub/reusable_saved_models.
    """
    write = partial(write_saved_model, model, labels=labels)
    return export_verified(write, model, Path(path), overwrite, SAVED_MODEL_FILE, data)


def write_saved_model(
    model: keras.Model,
    folder: Path,
    labels: Sequence[str] | None = None,
    metadata: Mapping[str, object] | None = None,
) -> None:
    """Write the SavedModel of `export_saved_model` directly, without comparing it with the model.

    Args:
        model: See `export_saved_model`.
        folder: The folder to write.
        labels: One name per class.
        metadata: Content of the asset `metadata.json`. By default, what the model itself tells.

    Raises:
        ValueError: If the model or the labels don't fit; see `export_saved_model`.
    """
    require_tensorflow()
    remedy = "build it with include_preprocessing=True"
    require_preprocessing_layer(model, "The SavedModel takes pixels in [0, 1]", remedy)
    root_model = without_softmax(model)
    if labels is not None:
        require_label_per_class(model, labels)
    if metadata is None:
        metadata = collect_facts(model, labels).to_json()
    images = tf.TensorSpec(root_model.inputs[0].shape, tf.float32, name="images")
    # Whoever loads the file trains with TensorFlow's gradients, which any version knows. To save a
    # function traces it once more.
    with backend_gradients(), tempfile.TemporaryDirectory() as assets:
        root = make_reusable(root_model, images)
        if is_classifier(model):
            root.features = make_reusable(features_of(model), images)
        if labels is not None:
            root.labels = _write_asset(Path(assets, LABELS_FILE), format_labels(labels))
        root.metadata = _write_asset(Path(assets, METADATA_FILE), json.dumps(metadata, indent=2))
        tf.saved_model.save(root, str(folder), signatures=_signatures(model, root, images))


def _write_asset(path: Path, text: str) -> tf.saved_model.Asset:
    path.write_text(text, encoding="utf-8")
    return tf.saved_model.Asset(str(path))


def _signatures(
    model: keras.Model, root: tf.train.Checkpoint, images: tf.TensorSpec
) -> dict[str, Callable]:
    """Return the functions for inference, by name, which serving programs call.

    They call what was traced: to trace the model for each would take long, in a larger file.
    """
    signature = tf.function(input_signature=[images], autograph=False)
    infer = root.__call__.get_concrete_function(images, training=False)
    infer_features = infer
    if is_classifier(model):
        infer_features = root.features.__call__.get_concrete_function(images, training=False)

    @signature
    def feature_vector(images: tf.Tensor) -> dict[str, tf.Tensor]:
        return {"default": infer_features(images)}

    if not is_classifier(model):
        return {"serving_default": feature_vector, "feature_vector": feature_vector}

    @signature
    def serving_default(images: tf.Tensor) -> dict[str, tf.Tensor]:
        scores = infer(images)
        return {"logits": scores, "probabilities": to_probabilities(model, scores)}

    @signature
    def image_classification(images: tf.Tensor) -> dict[str, tf.Tensor]:
        return {"default": infer(images)}

    return {
        "serving_default": serving_default,
        "image_classification": image_classification,
        "feature_vector": feature_vector,
    }
