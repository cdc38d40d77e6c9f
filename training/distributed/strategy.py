"""On how many devices a run trains, so that its weights are those of one with the same batches."""

import faulthandler
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import cache

import keras
import tensorflow as tf

from training.devices import Devices
from training.distributed.cluster import ALONE, Cluster, meet
from training.errors import RecipeError
from training.keras_internals import batch_norms
from training.recipe import Recipe

_SEED = "seed_generator_state"
# Far from seeds that people give to layers beside each other.
_NEXT_SEED = 1_000_003


def open_strategy(
    devices: Devices, recipe: Recipe, cluster: Cluster = ALONE
) -> tf.distribute.Strategy:
    """Return the devices that train a recipe.

    Args:
        devices: which. "mirrored" takes the CPUs that TensorFlow was told to see where there is no
            GPU.
        recipe: its batches must divide evenly.
        cluster: of "multiworker", whose processes must not have used TensorFlow yet.

    Raises:
        RecipeError: if batches do not divide, or devices or workers do not come.

    >>> from training.recipes import find_recipe
    >>> open_strategy(Devices("one"), find_recipe("convmixer_digits")).num_replicas_in_sync
    1
    """
    if recipe.mix_slices % cluster.size:
        raise RecipeError(
            f"Recipe.mix_slices must be a multiple of the {cluster.size} workers, each of which "
            f"mixes its own images; received {recipe.mix_slices}; --mix-slices {cluster.size} "
            "gives the same weights on any of these."
        )
    strategy = _open(devices, cluster)
    replicas = strategy.num_replicas_in_sync
    if recipe.batch_size % (replicas * recipe.accumulate):
        parts = "" if recipe.accumulate == 1 else f", times the {recipe.accumulate} to accumulate"
        raise RecipeError(
            f"Recipe.batch_size must divide by the {replicas} replicas{parts}; received "
            f"{recipe.batch_size}."
        )
    return strategy


def _open(devices: Devices, cluster: Cluster) -> tf.distribute.Strategy:
    if devices.strategy == "multiworker":
        return _multiworker(cluster, devices.wait)
    if devices.strategy == "mirrored":
        found = tf.config.list_logical_devices("GPU") or tf.config.list_logical_devices("CPU")
        return _mirrored(tuple(device.name for device in found))
    if devices.strategy == "tpu":
        return _tpu()
    return tf.distribute.get_strategy()


@cache
def _mirrored(names: tuple[str, ...]) -> tf.distribute.Strategy:
    # Another one in the same process would number its sums from the start, and TensorFlow take
    # them for those of this one: "Shape mismatch in the collective instance".
    return tf.distribute.MirroredStrategy(names)


@cache  # TensorFlow takes one for a process.
def _multiworker(cluster: Cluster, wait: int) -> tf.distribute.Strategy:
    meet(cluster, wait)
    # Should one be lost again meanwhile: TensorFlow waits where no Python can end it.
    faulthandler.dump_traceback_later(wait, exit=True)
    try:
        return tf.distribute.MultiWorkerMirroredStrategy()
    finally:
        faulthandler.cancel_dump_traceback_later()


def _tpu() -> tf.distribute.Strategy:
    try:
        resolver = tf.distribute.cluster_resolver.TPUClusterResolver()
        tf.config.experimental_connect_to_cluster(resolver)
        tf.tpu.experimental.initialize_tpu_system(resolver)
    except (ValueError, tf.errors.OpError) as error:
        first, *_ = [*str(error).splitlines(), ""]
        raise RecipeError(f"There is no TPU that TensorFlow can use ({first}).") from None
    return tf.distribute.TPUStrategy(resolver)


def check_shared_statistics(
    network: keras.Model, recipe: Recipe, strategy: tf.distribute.Strategy, devices: Devices
) -> None:
    """Refuse a network whose batch statistics replicas could not share.

    Args:
        network: made in the strategy's scope.
        recipe: of the run.
        strategy: of one replica or more.
        devices: that it was opened from.

    Raises:
        RecipeError: if it has some, and the recipe computes a batch in parts: TensorFlow can't
            exchange anything within the loop over them.
    """
    shares = devices.batch_norm == "synchronised" and batch_norms(network)
    if strategy.num_replicas_in_sync > 1 and recipe.accumulate > 1 and shares:
        raise RecipeError(
            f"Recipe.accumulate must be 1 on several replicas, where {network.name}'s "
            "BatchNormalization takes its statistics from all of them; received "
            f"{recipe.accumulate}; remat saves memory too, and batch_norm may be averaged."
        )


@contextmanager
def shared(
    network: keras.Model, strategy: tf.distribute.Strategy, devices: Devices
) -> Iterator[None]:
    """Let replicas share batch statistics in the block, and draw noise of their own.

    The first replica draws what one device would.

    Args:
        network: made in the strategy's scope.
        strategy: of one replica or more.
        devices: that it was opened from.
    """
    several = strategy.num_replicas_in_sync > 1 and devices.batch_norm == "synchronised"
    norms = batch_norms(network) if several else ()
    _spread_seeds(network, strategy)
    for norm in norms:
        norm.synchronized = True
    try:
        yield
    finally:
        for norm in norms:  # Elsewhere than on TensorFlow nobody could load it.
            norm.synchronized = False


def _spread_seeds(network: keras.Model, strategy: tf.distribute.Strategy) -> None:
    """Give each replica its own random seeds, made from those of the first one."""
    states = [variable for variable in network.variables if variable.name == _SEED]
    if not states:
        return
    here = strategy.experimental_local_results
    ids = here(tf.function(lambda: strategy.run(_replica_id))())
    for state in states:
        for i, seed in zip(ids, here(state.value), strict=True):
            seed.assign_add(tf.cast(tf.stack([i * _NEXT_SEED, 0]), seed.dtype))


def _replica_id() -> tf.Tensor:
    return tf.convert_to_tensor(tf.distribute.get_replica_context().replica_id_in_sync_group)


def hand_out(
    batches: tf.data.Dataset, strategy: tf.distribute.Strategy, batch_size: int
) -> tf.data.Dataset:
    """Return a worker's batches as `fit` takes them.

    Args:
        batches: of this worker.
        strategy: of the run.
        batch_size: over all workers.
    """
    if not isinstance(strategy, tf.distribute.MultiWorkerMirroredStrategy):
        return batches  # Keras divides them.
    return strategy.distribute_datasets_from_function(
        lambda context: batches.rebatch(context.get_per_replica_batch_size(batch_size))
    )


def from_first(values: Sequence[tf.Tensor], strategy: tf.distribute.Strategy) -> list[tf.Tensor]:
    """Return the values that the first worker has.

    Args:
        values: numbers, of the same shapes and types on all workers.
        strategy: of several workers.
    """

    def own_or_zero() -> list[tf.Tensor]:
        replica = tf.distribute.get_replica_context()
        is_first = tf.equal(_replica_id(), 0)
        sums = []
        for value in values:
            # Sums of unsigned numbers are not to be had.
            wide = tf.cast(value, tf.int64) if value.dtype.is_integer else value
            own = tf.where(is_first, wide, tf.zeros_like(wide))
            total = replica.all_reduce(tf.distribute.ReduceOp.SUM, own)
            sums.append(tf.cast(total, value.dtype))
        return sums

    everywhere = tf.function(lambda: strategy.run(own_or_zero))()
    return [strategy.experimental_local_results(value)[0] for value in everywhere]
