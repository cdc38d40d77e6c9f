"""Makes what TensorFlow Hub calls a reusable SavedModel: an object that is called and trained."""

from collections.abc import Callable

import keras
import tensorflow as tf


def call_on_unit_range(model: keras.Model, images: tf.Tensor, training: bool) -> tf.Tensor:
    """Apply a model for pixels in [0, 255] to images (B, H, W, C) in [0, 1]; returns float32."""
    return tf.cast(model(255.0 * images, training=training), tf.float32)


def make_reusable(model: keras.Model, images: tf.TensorSpec) -> tf.train.Checkpoint:
    """Return an object with the interface of a reusable SavedModel.

    It has `__call__(inputs, training=False)`, `variables`, `trainable_variables` and
    `regularization_losses`.

    Args:
        model: A model for pixels in [0, 255].
        images: Shape and type of the images in [0, 1] that the object is called with.

    Reference: https://www.tensorflow.org/hub/reusable_saved_models.
    """

    # A tf.Module wouldn't do: its `variables` are a property, which a SavedModel doesn't keep.
    class ReusableModel(tf.train.Checkpoint):
        @tf.function(autograph=False)
        def __call__(self, inputs: tf.Tensor, training: bool = False) -> tf.Tensor:
            return call_on_unit_range(model, inputs, training)

    root = ReusableModel()
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
