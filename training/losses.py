"""Losses of the recipes: from logits (B, classes) and labels (B, classes), which may be mixed."""

from typing import Literal

import keras
from keras import ops


@keras.saving.register_keras_serializable(package="keras_mixers")
class SigmoidCrossentropy(keras.losses.Loss):
    """Binary cross-entropy per class, summed over the classes and averaged over the batch.

    Keras's BinaryCrossentropy averages over the classes too, which divides the gradients by the
    number of classes. Labels and predictions are (B, classes); the predictions are logits.

    >>> round(float(SigmoidCrossentropy()(keras.ops.eye(2), keras.ops.zeros((2, 2)))), 4)
    1.3863

    Reference: `sigmoid_xent` of Big Vision, https://github.com/google-research/big_vision.
    """

    def __init__(self, name: str = "sigmoid_crossentropy", dtype: str | None = None) -> None:
        super().__init__(name=name, reduction="sum_over_batch_size", dtype=dtype)

    def call(self, y_true: keras.KerasTensor, y_pred: keras.KerasTensor) -> keras.KerasTensor:
        y_true = ops.cast(y_true, y_pred.dtype)
        return ops.sum(ops.binary_crossentropy(y_true, y_pred, from_logits=True), axis=-1)

    def get_config(self) -> dict:
        return {"name": self.name}


def build_loss(
    loss: Literal["softmax", "sigmoid"], label_smoothing: float = 0.0
) -> keras.losses.Loss:
    """Return a recipe's loss, for logits and one-hot or mixed labels (B, classes).

    Labels are smoothed here and nowhere else; augmentation leaves them unsmoothed. Smoothing by s
    turns a label's value y into `(1 - s) y + s / classes`. That is timm's rule, and it gives the
    same result before and after MixUp and CutMix.

    Args:
        loss: "softmax" for one class per image, "sigmoid" for one decision per class.
        label_smoothing: s above; only with "softmax".

    Raises:
        ValueError: if the loss is unknown, or doesn't support label smoothing.

    >>> build_loss("softmax", label_smoothing=0.1).name
    'categorical_crossentropy'
    """
    if loss == "sigmoid" and label_smoothing == 0:
        return SigmoidCrossentropy()
    if loss == "softmax":
        return keras.losses.CategoricalCrossentropy(
            from_logits=True, label_smoothing=label_smoothing
        )
    raise ValueError(
        "loss must be 'softmax', or 'sigmoid' without label smoothing; received "
        f"{loss!r} with label_smoothing={label_smoothing!r}."
    )
