"""Random numbers that are functions of a seed, int32 or int64 (2,)."""

import tensorflow as tf


def split(seed: tf.Tensor, count: int) -> list[tf.Tensor]:
    """Return `count` seeds whose numbers have nothing to do with each other."""
    return tf.unstack(tf.random.split(seed, count))


def uniform(
    seed: tf.Tensor, shape: tuple[int | tf.Tensor, ...] = (), low: float = 0.0, high: float = 1.0
) -> tf.Tensor:
    """Return float32 from `low` to below `high`."""
    return tf.random.stateless_uniform(shape, seed, low, high)


def below(share: tf.Tensor, count: tf.Tensor | int) -> tf.Tensor:
    """Return int32 from 0 to below `count`, given a uniform share from 0 to below 1."""
    # The product can be rounded up to `count` itself.
    whole = tf.cast(share * tf.cast(count, tf.float32), tf.int32)
    return tf.minimum(whole, tf.cast(count, tf.int32) - 1)


def beta(seed: tf.Tensor, alpha: float) -> tf.Tensor:
    """Return a float32 number of the distribution Beta(alpha, alpha)."""
    # In float32 both numbers are often 0 where alpha is small.
    pair = tf.random.stateless_gamma((2,), seed, tf.constant(alpha, tf.float64), dtype=tf.float64)
    return tf.cast(tf.math.divide_no_nan(pair[0], tf.reduce_sum(pair)), tf.float32)
