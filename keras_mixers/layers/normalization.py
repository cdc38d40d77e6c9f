"""ConvMixer's normalisation, with a kernel that is faster in training on CPUs."""

from typing import Any, Literal

import keras
from keras import ops

from keras_mixers.gradients.use import gradients_pay
from keras_mixers.layers.layer_norm import TORCH_EPSILON, LayerNorm

# PyTorch's defaults, which the authors trained with; Keras's are 1e-3 and 0.99.
BATCH_NORM = {"epsilon": 1e-5, "momentum": 0.9}

Normalization = Literal["batch", "layer"]


def make_normalization(kind: Normalization, name: str, **options: Any) -> keras.layers.Layer:
    """Return ConvMixer's normalisation: of channels over a batch, or of each position.

    Raises:
        ValueError: If the kind is neither "batch" nor "layer".
    """
    if kind not in ("batch", "layer"):
        raise ValueError(f"normalization must be 'batch' or 'layer'; received {kind!r}.")
    if kind == "layer":
        return LayerNorm(TORCH_EPSILON, name=name, **options)
    return keras.layers.BatchNormalization(name=name, **BATCH_NORM, **options)


def normalize(
    norm: keras.layers.Layer, inputs: keras.KerasTensor, training: bool | None
) -> keras.KerasTensor:
    """Call a layer of `make_normalization`; in training, batch statistics take fewer passes.

    Args:
        norm: that layer, built.
        inputs: (B, H, W, C).
        training: the `training` argument of the call.
    """
    if not (gradients_pay(training) and _has_kernel(norm, inputs)):
        return norm(inputs, training=training)
    # Here, because other backends come without TensorFlow.
    from keras_mixers.gradients.tensorflow_kernels import batch_norm

    x, gamma, beta = (ops.cast(tensor, "float32") for tensor in (inputs, norm.gamma, norm.beta))
    outputs, mean, variance = batch_norm(x, gamma, beta, norm.epsilon)
    for moving, of_batch in ((norm.moving_mean, mean), (norm.moving_variance, variance)):
        moving.assign(moving * norm.momentum + of_batch * (1.0 - norm.momentum))
    return ops.cast(outputs, norm.compute_dtype)


def _has_kernel(norm: keras.layers.Layer, inputs: keras.KerasTensor) -> bool:
    """Return whether a layer takes statistics from this batch alone, and in float32."""
    return (
        isinstance(norm, keras.layers.BatchNormalization)
        and norm.trainable
        and not norm.synchronized
        and keras.backend.result_type(inputs.dtype, "float32") == "float32"
    )
