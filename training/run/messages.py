"""What a run prints: before it starts, at its end, and when it fails."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import keras
import tensorflow as tf
from rich.console import Console

from keras_mixers.printable import printable
from training.distributed.cluster import Cluster
from training.errors import TrainingError, without_traces
from training.loop.callbacks import EXIT_STATUS_OF_SIGTERM
from training.loop.memory_estimate import estimate_memory
from training.run.folder import RunFolder
from training.run.result import Result
from training.run.setup import Run

# What TensorFlow raises when another worker is lost; which one depends on the network.
_LOST_WORKER_ERRORS = (
    tf.errors.AbortedError,
    tf.errors.CancelledError,
    tf.errors.UnavailableError,
    tf.errors.UnknownError,
)


@contextmanager
def explain_failures(
    console: Console, cluster: Cluster, callbacks: Sequence[keras.callbacks.Callback] = ()
) -> Iterator[None]:
    """Turn TensorFlow's errors into a TrainingError that says what to do.

    Args:
        console: console to print to.
        cluster: the workers that train.
        callbacks: callbacks to end after any error, so that they release files, signals and the
            terminal.

    Raises:
        TrainingError: if TensorFlow fails in the block.
        SystemExit: if this worker was terminated after the first one had saved the run and ended.
    """
    try:
        yield
    except BaseException as error:
        for callback in callbacks:
            callback.on_train_end()
        if isinstance(error, SystemExit):
            console.print("Terminated. The run is saved; the same command resumes it.")
        if not isinstance(error, tf.errors.OpError):
            raise
        terminated = any(getattr(callback, "terminated", False) for callback in callbacks)
        if terminated and not cluster.is_first:
            raise SystemExit(EXIT_STATUS_OF_SIGTERM) from None
        raise TrainingError(_explanation(error, cluster.size)) from error


def _explanation(error: tf.errors.OpError, workers: int) -> str:
    if isinstance(error, _LOST_WORKER_ERRORS) and workers > 1:
        return (
            "Another worker has ended, or can't be reached; start the same command on all machines "
            "again, and the run resumes from its checkpoint."
        )
    if isinstance(error, tf.errors.ResourceExhaustedError):
        return (
            "The device has run out of memory; use a smaller batch_size, a larger accumulate, "
            "remat, or bfloat16."
        )
    first, *_ = [*without_traces(str(error.message)).splitlines(), ""]
    return f"A training step failed: {first or type(error).__name__}"


def print_start(run: Run) -> None:
    """Print the network, the data, the memory estimate and the devices."""
    data, strategy, replicas = run.data, run.strategy, run.strategy.num_replicas_in_sync
    memory = estimate_memory(run.trainer, run.recipe.batch_size // replicas)
    lines = [
        f"{run.recipe.name}: {run.network.name}, {run.network.count_params():,} parameters",
        f"{data.address}: {data.train.size:,} training images, {data.validation.size:,} validation "
        f"images, {data.num_classes:,} classes",
        f"{memory} on each replica" if replicas > 1 else str(memory),
    ]
    if data.skipped:
        lines.insert(2, f"{len(data.skipped):,} files are skipped: they aren't usable images")
    if strategy is not tf.distribute.get_strategy():
        local = ", ".join(name.partition("/task:0")[2] for name in strategy.extended.worker_devices)
        plural = "s" if replicas > 1 else ""
        lines.append(f"Training on {replicas} replica{plural}; this process uses {local}.")
    for line in lines:
        run.console.print(printable(line), markup=False, soft_wrap=True)


def print_resumption(run: Run, done: int, changes: Sequence[str]) -> None:
    """Print where a run goes on, and what has changed since it stopped."""
    epochs, step = divmod(done, run.steps)
    lines = [f"Resuming after epoch {epochs} and {step} of {run.steps} steps of the next."]
    if changes:
        lines.append(
            f"Changed since the last start: {'; '.join(changes)}. The weights may differ from "
            "those of a run that never stopped."
        )
    for line in lines:
        run.console.print(printable(line), markup=False, soft_wrap=True)


def print_result(run: Run, result: Result, folder: RunFolder | None) -> None:
    """Print the accuracy, the duration, and where the run was written."""
    line = (
        f"Top-1 accuracy {result.top1:.2%} on {result.validation_images:,} validation images, "
        f"after {result.seconds:.0f} s."
    )
    run.console.print(line, markup=False, soft_wrap=True)
    if folder is not None:
        line = f"Everything is in {printable(folder.path)}."
        run.console.print(line, markup=False, soft_wrap=True)
