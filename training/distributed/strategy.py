"""Several replicas that train the same weights as one device does with the same batches."""

import faulthandler
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import cache

import keras
import tensorflow as tf

from training.devices import Devices
from training.distributed.cluster import ALONE, Cluster, wait_for_workers
from training.errors import RecipeError
from training.keras_internals import batch_norms, random_seeds

# Far apart, because layers beside each other often get consecutive seeds.
_SEED_DISTANCE = 1_000_003


def open_strategy(devices: Devices, cluster: Cluster = ALONE) -> tf.distribute.Strategy:
    """Return the strategy that distributes training over the devices.

    Args:
        devices: "mirrored" uses TensorFlow's logical CPUs if there is no GPU.
        cluster: the workers of "multiworker". Their processes must not have used TensorFlow yet.

    Raises:
        RecipeError: if the devices aren't available, or a worker doesn't start in time.

    >>> open_strategy(Devices("one")).num_replicas_in_sync
    1
    """
    if devices.strategy == "multiworker":
        return _multiworker(cluster, devices.wait)
    if devices.strategy == "mirrored":
        found = tf.config.list_logical_devices("GPU") or tf.config.list_logical_devices("CPU")
        return _mirrored(tuple(device.name for device in found))
    if devices.strategy == "tpu":
        return _tpu()
    return tf.distribute.get_strategy()


# Cached: a second strategy in the same process would number its all-reduces from the start again,
# and TensorFlow confuse them with the first one's ("Shape mismatch in the collective instance").
@cache
def _mirrored(names: tuple[str, ...]) -> tf.distribute.Strategy:
    return tf.distribute.MirroredStrategy(names)


@cache  # TensorFlow allows one per process.
def _multiworker(cluster: Cluster, wait: int) -> tf.distribute.Strategy:
    wait_for_workers(cluster, wait)
    # If a worker is lost from here on, TensorFlow blocks where no Python code can interrupt it.
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


def check_mix_slices(mix_slices: int, cluster: Cluster) -> None:
    """Raise RecipeError if the workers can't share the slices of a batch evenly."""
    if mix_slices % cluster.size:
        raise RecipeError(
            f"Recipe.mix_slices must be a multiple of the {cluster.size} workers, because each "
            f"worker mixes its own images; received {mix_slices}. With --mix-slices "
            f"{cluster.size}, any number of workers that divides it gives the same weights."
        )


def check_batch_size(batch_size: int, accumulate: int, strategy: tf.distribute.Strategy) -> None:
    """Raise RecipeError if a batch can't be divided evenly over replicas and accumulated parts."""
    replicas = strategy.num_replicas_in_sync
    if batch_size % (replicas * accumulate):
        parts = "" if accumulate == 1 else f" times the {accumulate} accumulated parts"
        raise RecipeError(
            f"Recipe.batch_size must be a multiple of the {replicas} replicas{parts}; received "
            f"{batch_size}."
        )


def check_shared_statistics(
    network: keras.Model, accumulate: int, strategy: tf.distribute.Strategy, devices: Devices
) -> None:
    """Raise RecipeError if replicas would have to share statistics of a part of a batch.

    TensorFlow can't communicate between replicas inside the loop over accumulated parts.

    Args:
        network: network that was created in the strategy's scope.
        accumulate: number of parts that each batch is computed in.
        strategy: strategy that `open_strategy` returned.
        devices: devices that the strategy was opened for.
    """
    if strategy.num_replicas_in_sync == 1 or accumulate == 1:
        return
    if devices.batch_norm == "synchronised" and batch_norms(network):
        raise RecipeError(
            f"Recipe.accumulate must be 1 on several replicas if {network.name} synchronises its "
            f"BatchNormalization; received {accumulate}. To save memory, use remat, or "
            "batch_norm='averaged'."
        )


@contextmanager
def prepare_for_replicas(
    network: keras.Model, strategy: tf.distribute.Strategy, devices: Devices
) -> Iterator[None]:
    """Let replicas share batch statistics, and draw different noise, inside the block.

    The first replica draws the noise that a single device would draw.

    Args:
        network: network that was created in the strategy's scope.
        strategy: strategy that `open_strategy` returned.
        devices: devices that the strategy was opened for.
    """
    is_shared = strategy.num_replicas_in_sync > 1 and devices.batch_norm == "synchronised"
    norms = batch_norms(network) if is_shared else ()
    _separate_random_seeds(network, strategy)
    for norm in norms:
        norm.synchronized = True
    try:
        yield
    finally:
        for norm in norms:  # Saved as True, it would prevent loading on other backends.
            norm.synchronized = False


def _separate_random_seeds(network: keras.Model, strategy: tf.distribute.Strategy) -> None:
    """Derive each replica's random seeds from those of the first one."""
    seeds = random_seeds(network)
    if not seeds:
        return
    local_values = strategy.experimental_local_results
    replica_ids = local_values(tf.function(lambda: strategy.run(_replica_id))())
    for seed in seeds:
        for i, local_seed in zip(replica_ids, local_values(seed.value), strict=True):
            local_seed.assign_add(tf.cast(tf.stack([i * _SEED_DISTANCE, 0]), local_seed.dtype))


def _replica_id() -> tf.Tensor:
    return tf.convert_to_tensor(tf.distribute.get_replica_context().replica_id_in_sync_group)


def distribute_batches(
    batches: tf.data.Dataset, strategy: tf.distribute.Strategy, batch_size: int
) -> tf.data.Dataset:
    """Return a worker's batches in the form in which `fit` takes them.

    Args:
        batches: this worker's share of each batch.
        strategy: strategy that `open_strategy` returned.
        batch_size: over all workers.
    """
    if not isinstance(strategy, tf.distribute.MultiWorkerMirroredStrategy):
        return batches  # Keras distributes them to the replicas.
    return strategy.distribute_datasets_from_function(
        lambda context: batches.rebatch(context.get_per_replica_batch_size(batch_size))
    )


def broadcast_from_first_worker(
    values: Sequence[tf.Tensor], strategy: tf.distribute.Strategy
) -> list[tf.Tensor]:
    """Return the first worker's values on all workers.

    Args:
        values: numeric tensors, of the same shapes and dtypes on all workers.
        strategy: strategy of several workers.
    """

    def sum_of_own_or_zeros() -> list[tf.Tensor]:
        replica = tf.distribute.get_replica_context()
        is_first = tf.equal(_replica_id(), 0)
        sums = []
        for value in values:
            # TensorFlow can't all-reduce unsigned integers.
            wide = tf.cast(value, tf.int64) if value.dtype.is_integer else value
            own = tf.where(is_first, wide, tf.zeros_like(wide))
            total = replica.all_reduce(tf.distribute.ReduceOp.SUM, own)
            sums.append(tf.cast(total, value.dtype))
        return sums

    per_replica = tf.function(lambda: strategy.run(sum_of_own_or_zeros))()
    return [strategy.experimental_local_results(value)[0] for value in per_replica]
