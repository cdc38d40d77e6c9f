"""On how many devices a run trains, so that its weights are those of one with the same batches.

Keras's own `fit` clips gradients, and looks for those that overflowed, on each device before they
are added up. Here they are added up first, which takes a private method of Keras's optimizers.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import cache
from typing import Literal, TypeAlias

import keras
import tensorflow as tf

from training.recipe import Recipe
from training.typed import RecipeError, offer

StrategyName: TypeAlias = Literal["one", "mirrored"]

_NAMES = ("one", "mirrored")
# What Keras's optimizers call, in each replica, to add up the gradients of all.
HOOK = "_all_reduce_sum_gradients"
_SEED = "seed_generator_state"
# Far from seeds that people give to layers beside each other.
_NEXT_SEED = 1_000_003


def open_strategy(name: StrategyName, recipe: Recipe) -> tf.distribute.Strategy:
    """Return the devices that train a recipe.

    Args:
        name: "one" device, or "mirrored": all GPUs, or the CPUs that TensorFlow was told to see
            where there is none.
        recipe: its batches must divide evenly.

    Raises:
        RecipeError: if they do not, or there is no such strategy.

    >>> from training.recipes import find_recipe
    >>> open_strategy("one", find_recipe("convmixer_digits")).num_replicas_in_sync
    1
    """
    if name not in _NAMES:
        known = offer(name, _NAMES, f"expected {' or '.join(_NAMES)}.")
        raise RecipeError(f"There is no strategy {name!r}; {known}")
    if name == "one":
        return tf.distribute.get_strategy()
    devices = tf.config.list_logical_devices("GPU") or tf.config.list_logical_devices("CPU")
    if recipe.batch_size % (len(devices) * recipe.accumulate):
        parts = "" if recipe.accumulate == 1 else f", times the {recipe.accumulate} to accumulate"
        raise RecipeError(
            f"Recipe.batch_size must divide by the {len(devices)} replicas{parts}; received "
            f"{recipe.batch_size}."
        )
    return _mirrored(tuple(device.name for device in devices))


@cache
def _mirrored(devices: tuple[str, ...]) -> tf.distribute.Strategy:
    # Another one in the same process would number its sums from the start, and TensorFlow take
    # them for those of this one: "Shape mismatch in the collective instance".
    return tf.distribute.MirroredStrategy(devices)


def check_shared_statistics(
    network: keras.Model, recipe: Recipe, strategy: tf.distribute.Strategy
) -> None:
    """Refuse a network whose batch statistics replicas could not share.

    Raises:
        RecipeError: if it has some, and the recipe computes a batch in parts: TensorFlow can't
            exchange anything within the loop over them.
    """
    if strategy.num_replicas_in_sync > 1 and recipe.accumulate > 1 and _norms(network):
        raise RecipeError(
            f"Recipe.accumulate must be 1 on several replicas, where {network.name}'s "
            "BatchNormalization takes its statistics from all of them; received "
            f"{recipe.accumulate}; remat saves memory too."
        )


@contextmanager
def shared(network: keras.Model, strategy: tf.distribute.Strategy) -> Iterator[None]:
    """Let replicas share batch statistics in the block, and draw noise of their own.

    The first replica draws what one device would.

    Args:
        network: made in the strategy's scope.
        strategy: of one replica or more.
    """
    norms = _norms(network) if strategy.num_replicas_in_sync > 1 else ()
    _spread_seeds(network, strategy)
    for norm in norms:
        norm.synchronized = True
    try:
        yield
    finally:
        for norm in norms:  # Elsewhere than on TensorFlow nobody could load it.
            norm.synchronized = False


def add_up(
    optimizer: keras.optimizers.Optimizer, loss: tf.Tensor, gradients: Sequence[tf.Tensor]
) -> tuple[tf.Tensor, Sequence[tf.Tensor]]:
    """Return the sums over all replicas; from then on the optimizer takes gradients for such.

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


def _norms(network: keras.Model) -> list[keras.layers.BatchNormalization]:
    layers = network._flatten_layers()
    return [layer for layer in layers if isinstance(layer, keras.layers.BatchNormalization)]


def _spread_seeds(network: keras.Model, strategy: tf.distribute.Strategy) -> None:
    """Give each replica its own random seeds, made from those of the first one."""
    for variable in network.variables:
        if variable.name == _SEED:
            first, *others = strategy.experimental_local_results(variable.value)
            for i, other in enumerate(others, start=1):
                other.assign(first + tf.constant([i * _NEXT_SEED, 0], first.dtype))
