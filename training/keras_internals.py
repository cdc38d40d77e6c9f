"""What we need of Keras beyond what it promises: three private names, each with a test."""

from collections.abc import Callable, Sequence

import keras
import tensorflow as tf

# What Keras's optimizers call, in each replica, to add up the gradients of all.
HOOK = "_all_reduce_sum_gradients"


class BuiltModel(keras.Model):
    """A model of which nothing is left to be made when `fit` begins."""

    train_function: Callable | None
    test_function: Callable | None

    def _maybe_symbolic_build(self, iterator: object = None, data_batch: object = None) -> None:
        # Keras's own takes a batch from an iterator that nobody finishes, which may cut short what
        # the data set keeps in memory; with several workers it fails.
        pass


def add_up(
    optimizer: keras.optimizers.Optimizer, loss: tf.Tensor, gradients: Sequence[tf.Tensor]
) -> tuple[tf.Tensor, Sequence[tf.Tensor]]:
    """Return the sums over all replicas; from then on the optimizer takes gradients for such.

    Keras's own `fit` clips gradients, and looks for those that overflowed, on each replica before
    they are added up.

    Args:
        optimizer: whose `apply_gradients` is called with them; others of its class stay as they
            are.
        loss: of a replica's images, divided by the number of replicas, as Keras does it.
        gradients: of this loss.

    Raises:
        AttributeError: if the optimizer has no such method any more.
    """
    inner = getattr(optimizer, "inner_optimizer", optimizer)  # Of the one that scales the loss.
    if not hasattr(type(inner), HOOK):
        raise AttributeError(f"{type(inner).__name__} has no {HOOK}: another version of Keras.")
    setattr(inner, HOOK, _as_they_are)
    replica = tf.distribute.get_replica_context()
    loss, *gradients = replica.all_reduce(tf.distribute.ReduceOp.SUM, [loss, *gradients])
    return loss, gradients


def _as_they_are(pairs: Sequence[tuple]) -> Sequence[tuple]:
    return pairs


def batch_norms(network: keras.Model) -> list[keras.layers.BatchNormalization]:
    """Return a network's batch normalisations, those within other layers too."""
    layers = network._flatten_layers()
    return [layer for layer in layers if isinstance(layer, keras.layers.BatchNormalization)]
