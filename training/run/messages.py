"""What a run says of itself: before it starts, at its end, and when it fails."""

from collections.abc import Iterator
from contextlib import contextmanager

import keras
import tensorflow as tf
from rich.console import Console

from training.data import Data
from training.distributed.cluster import Cluster
from training.errors import TrainingError
from training.loop.callbacks import TERMINATED
from training.loop.memory_estimate import estimate
from training.loop.trainer import Trainer
from training.recipe import Recipe
from training.run.folder import RunFolder
from training.run.result import Result

# What TensorFlow raises then: whatever the network says of it.
_LOST = (
    tf.errors.AbortedError,
    tf.errors.CancelledError,
    tf.errors.UnavailableError,
    tf.errors.UnknownError,
)


@contextmanager
def one_line_errors(
    callbacks: list[keras.callbacks.Callback], console: Console, cluster: Cluster
) -> Iterator[None]:
    """Say what a failed step means, and let no callback keep files or the terminal."""
    try:
        yield
    except BaseException as error:
        for callback in callbacks:
            callback.on_train_end()
        if isinstance(error, SystemExit):
            console.print("Terminated; what is done is saved, and the same command goes on.")
        terminated = any(getattr(callback, "terminated", False) for callback in callbacks)
        if isinstance(error, tf.errors.OpError) and terminated and not cluster.is_first:
            raise SystemExit(TERMINATED) from None  # The first worker has saved the run, and ended.
        if isinstance(error, _LOST) and cluster.size > 1:
            raise TrainingError(
                "Another worker has ended, or can't be reached; start the same command on all "
                "machines again, and the run goes on from its checkpoint."
            ) from error
        if isinstance(error, tf.errors.ResourceExhaustedError):
            raise TrainingError(
                "The device's memory does not suffice; take a smaller batch_size, more parts to "
                "accumulate, remat, or bfloat16."
            ) from error
        if isinstance(error, tf.errors.OpError):
            first, *_ = [*str(error.message).splitlines(), ""]
            raise TrainingError(f"A step failed: {first or type(error).__name__}") from error
        raise


def say_start(console: Console, recipe: Recipe, data: Data, model: Trainer) -> None:
    """Print what the run is, before it starts."""
    devices = model.distribute_strategy
    replicas = devices.num_replicas_in_sync
    lines = [
        f"{recipe.name}: {model.network.name}, {model.network.count_params():,} parameters",
        f"{data.address}: {data.train.size:,} images to train with, {data.validation.size:,} to "
        f"measure with, {data.num_classes:,} classes",
        str(estimate(model, recipe.batch_size // replicas)) + (" on each" if replicas > 1 else ""),
    ]
    if data.skipped:
        lines.insert(2, f"{len(data.skipped):,} files are skipped, since they are no good image")
    if devices is not tf.distribute.get_strategy():
        names = ", ".join(name.partition("/task:0")[2] for name in devices.extended.worker_devices)
        lines.append(f"Trains on {replicas} replica{'s' * (replicas > 1)}, here on {names}.")
    for line in lines:
        console.print(line, markup=False, soft_wrap=True)


def say_result(console: Console, result: Result, folder: RunFolder | None) -> None:
    line = (
        f"{result.top1:.2%} of {result.validation_images:,} held-out images are right, after "
        f"{result.seconds:.0f} s."
    )
    console.print(line, markup=False, soft_wrap=True)
    if folder is not None:
        console.print(f"Everything is in {folder.path}.", markup=False, soft_wrap=True)
