"""What TensorFlow has on CPUs beside its operations: XLA, and batch normalisation in one pass."""

from collections.abc import Callable, Sequence
from functools import cache

import tensorflow as tf


@cache
def compiled(function: Callable) -> Callable:
    """Return a function whose operations XLA makes one, which passes through memory once.

    That suits functions of single numbers. XLA's convolutions, products and sums are slower than
    TensorFlow's own.

    Args:
        function: of tensors alone; the result is compiled once for each of their shapes.
    """
    return tf.function(function, jit_compile=True, autograph=False)


def after(first: tf.Tensor, tensors: Sequence[tf.Tensor]) -> tuple[tf.Tensor, ...]:
    """Return tensors that a graph has once `first` is computed."""
    with tf.control_dependencies([first]):
        return tuple(tf.identity(tensor) for tensor in tensors)


def batch_norm(
    inputs: tf.Tensor, gamma: tf.Tensor, beta: tf.Tensor, epsilon: float
) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
    """Normalise a batch by its own statistics, as in training.

    Args:
        inputs: (B, H, W, C), in float32.
        gamma: (C,), the scale.
        beta: (C,), the offset.
        epsilon: added to the variance.

    Returns:
        The result, (B, H, W, C), and the mean and variance of each channel, (C,), the sum of
        squares divided by their number.
    """
    outputs, mean, variance, *_ = tf.raw_ops.FusedBatchNormV3(
        x=inputs,
        scale=gamma,
        offset=beta,
        mean=tf.zeros([0]),
        variance=tf.zeros([0]),
        epsilon=epsilon,
        is_training=True,
    )
    count = tf.cast(tf.size(inputs) // inputs.shape[-1], tf.float32)
    # The kernel divides by one less, but normalises as we do.
    return outputs, mean, variance * tf.maximum(count - 1, 1) / count
