"""Random numbers that depend on a seed alone, int32 or int64 (2,)."""

import tensorflow as tf


def split(seed: tf.Tensor, count: int) -> list[tf.Tensor]:
    """Return `count` seeds that give independent random numbers."""
    return tf.unstack(tf.random.split(seed, count))


def uniform(
    seed: tf.Tensor, shape: tuple[int | tf.Tensor, ...] = (), low: float = 0.0, high: float = 1.0
) -> tf.Tensor:
    """Return uniform numbers in [low, high), float32."""
    return tf.random.stateless_uniform(shape, seed, low, high)


def below(share: tf.Tensor, count: tf.Tensor | int) -> tf.Tensor:
    """Turn a uniform number in [0, 1) into a uniform integer in [0, count), int32."""
    # Rounding can make the product equal to `count`.
    whole = tf.cast(share * tf.cast(count, tf.float32), tf.int32)
    return tf.minimum(whole, tf.cast(count, tf.int32) - 1)


def beta(seed: tf.Tensor, alpha: float) -> tf.Tensor:
    """Return a number drawn from Beta(alpha, alpha), float32."""
    # In float32, both gamma variates are often 0 if alpha is small.
    pair = tf.random.stateless_gamma((2,), seed, tf.constant(alpha, tf.float64), dtype=tf.float64)
    return tf.cast(tf.math.divide_no_nan(pair[0], tf.reduce_sum(pair)), tf.float32)
