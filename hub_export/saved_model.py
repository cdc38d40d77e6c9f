"""SavedModels that TensorFlow Hub users load, call and fine-tune."""

from collections.abc import Callable
from pathlib import Path

import keras
import tensorflow as tf

from hub_export.files import beside

MARKER = "saved_model.pb"


def export_saved_model(model: keras.Model, path: str | Path, overwrite: bool = False) -> None:
    """Write a model as a reusable SavedModel, a folder for `tensorflow_hub.load(path)`.

    What is loaded maps images (B, H, W, C), float32 in [0, 1], to float32 logits (B, classes), or,
    for a model without top, to its features. It has `__call__(inputs, training=False)`, traced
    both ways; `variables`, `trainable_variables` and `regularization_losses`; and the signature
    `serving_default`, from `images` to `outputs`.

    Args:
        model: with `include_preprocessing=True`, as it takes pixels in [0, 255]. Its input's
            height and width become those of the SavedModel; None means any.
        path: the folder to write. It appears whole or not at all.
        overwrite: whether to replace a SavedModel at `path`.

    Raises:
        ValueError: if it is not known which pixels the model expects, or Keras does not run on
            TensorFlow.
        FileExistsError: if there is something at `path` that must stay.
        FileNotFoundError: if there is no folder to write into.

    Example:

    >>> import tempfile, keras_mixers, tensorflow_hub
    >>> model = keras_mixers.MLPMixer(8, 1, input_shape=(32, 32, 3), classes=5)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     export_saved_model(model, f"{folder}/mixer")
    ...     tensorflow_hub.load(f"{folder}/mixer")(tf.ones((2, 32, 32, 3))).shape
    TensorShape([2, 5])

    Reference: https://www.tensorflow.org/hub/reusable_saved_models.
    """
    require_tensorflow()
    _check_pixels(model)
    logits = without_softmax(model)
    images = tf.TensorSpec(logits.inputs[0].shape, tf.float32, name="images")
    root = _reusable(logits, images)

    @tf.function(input_signature=[images], autograph=False)
    def serve(images: tf.Tensor) -> dict[str, tf.Tensor]:
        return {"outputs": _call(logits, images, training=False)}

    with beside(Path(path), overwrite, MARKER) as place:
        tf.saved_model.save(root, str(place), signatures={"serving_default": serve})


def without_softmax(model: keras.Model) -> keras.Model:
    """Return the model, of the same weights, that ends in `model`'s logits.

    >>> import keras_mixers
    >>> model = keras_mixers.MLPMixer(8, 1, input_shape=(32, 32, 3), classes=5)
    >>> [network.layers[-1].name for network in (model, without_softmax(model))]
    ['predictions', 'head']
    """
    if "predictions" not in [layer.name for layer in model.layers]:
        return model
    return keras.Model(model.input, model.get_layer("head").output, name=model.name)


def require_tensorflow() -> None:
    """Raise ValueError unless Keras runs on TensorFlow, whose graphs are what is written."""
    if keras.backend.backend() != "tensorflow":
        raise ValueError(
            "Exports need Keras to run on TensorFlow; received the backend "
            f"{keras.backend.backend()!r}. Set KERAS_BACKEND=tensorflow and load the model again."
        )


def _check_pixels(model: keras.Model) -> None:
    if "preprocessing" not in [layer.name for layer in model.layers]:
        raise ValueError(
            "The SavedModel takes pixels in [0, 1], and without a layer 'preprocessing' it is not "
            f"known which the model {model.name!r} expects; build it with "
            "include_preprocessing=True."
        )


def _call(model: keras.Model, images: tf.Tensor, training: bool) -> tf.Tensor:
    return tf.cast(model(255.0 * images, training=training), tf.float32)


def _reusable(model: keras.Model, images: tf.TensorSpec) -> tf.train.Checkpoint:
    """Return what TensorFlow Hub calls a reusable SavedModel's root, traced for `images`."""

    # Not tf.Module: its `variables` are a property, which a SavedModel does not keep.
    class Root(tf.train.Checkpoint):
        @tf.function(autograph=False)
        def __call__(self, inputs: tf.Tensor, training: bool = False) -> tf.Tensor:
            return _call(model, inputs, training)

    root = Root()
    root.variables = [weight.value for weight in model.variables]
    root.trainable_variables = [weight.value for weight in model.trainable_variables]
    root.regularization_losses = [
        _regularization_loss(weight)
        for weight in model.trainable_variables
        if weight.regularizer is not None
    ]
    for training in (False, True):
        root.__call__.get_concrete_function(images, training=training)
    return root


def _regularization_loss(weight: keras.Variable) -> Callable[[], tf.Tensor]:
    @tf.function(input_signature=[], autograph=False)
    def loss() -> tf.Tensor:
        return tf.cast(weight.regularizer(weight.value), tf.float32)

    loss.get_concrete_function()
    return loss
