"""The functions that Keras's `fit` and `evaluate` call: one or several steps on all replicas.

Keras's own functions fail with several workers, and with several steps per execution on several
replicas. If the steps of an epoch aren't a multiple of the steps per execution, they run on past
the end of the epoch.
"""

from collections.abc import Callable, Iterable, Mapping
from typing import Any, TypeAlias

import keras
import tensorflow as tf

Logs: TypeAlias = dict[str, Any]
Step: TypeAlias = Callable[[Any], Logs]


def fit_function(model: keras.Model, step: Step) -> Callable[[Iterable], Logs]:
    """Return a function that takes an iterator and runs `model.next_steps` training steps.

    Args:
        model: compiled and built.
        step: trains on one batch on one replica.
    """
    if model.steps_per_execution == 1:
        return _single_step_function(model, step)
    strategy, step = model.distribute_strategy, _jit_compiled(model, step)
    model.next_steps = model.steps_per_execution

    @tf.function(reduce_retracing=True, autograph=False)
    def run_steps(iterator: Any, count: tf.Tensor) -> Any:
        def body(i: tf.Tensor) -> tuple[tf.Tensor]:
            strategy.run(step, args=(next(iterator),))
            return (i + 1,)

        tf.while_loop(lambda i: i < count, body, (0,), parallel_iterations=1)
        return strategy.run(model.get_metrics_result)

    return lambda iterator: _first_replica_logs(
        strategy, run_steps(iterator, tf.constant(model.next_steps))
    )


def evaluate_function(model: keras.Model, step: Step) -> Callable[[Iterable], Logs]:
    """Return a function that takes an iterator and runs `model.steps_per_execution` steps.

    It runs fewer at the end of the data.

    Args:
        model: compiled and built.
        step: evaluates one batch on one replica.
    """
    run_step = _single_step_function(model, step)

    def function(iterator: Iterable) -> Logs:
        logs = run_step(iterator)
        for _ in range(model.steps_per_execution - 1):
            try:
                logs = run_step(iterator)
            except tf.errors.OutOfRangeError:  # Keras expects this error from the next call only.
                break
        return logs

    return function


def _single_step_function(model: keras.Model, step: Step) -> Callable[[Iterable], Logs]:
    strategy, step = model.distribute_strategy, _jit_compiled(model, step)

    @tf.function(reduce_retracing=True, autograph=False)
    def run(data: Any) -> Any:
        return strategy.run(step, args=(data,))

    @tf.function(reduce_retracing=True, autograph=False)
    def run_next(iterator: Any) -> Any:
        return strategy.run(step, args=(next(iterator),))

    def function(iterator: Iterable) -> Logs:
        if isinstance(iterator, tf.data.Iterator | tf.distribute.DistributedIterator):
            return _first_replica_logs(strategy, run_next(iterator))
        # `train_on_batch` passes a plain iterator.
        return _first_replica_logs(strategy, run(next(iter(iterator))))

    return function


def _jit_compiled(model: keras.Model, step: Step) -> Step:
    """Return a step that XLA compiles, if the model asks for it."""
    if model.jit_compile:  # Keras leaves it off on several replicas.
        return tf.function(step, jit_compile=True, reduce_retracing=True, autograph=False)
    return step


def _first_replica_logs(strategy: tf.distribute.Strategy, logs: Logs) -> Logs:
    """Return the logs of this process's first replica; after the epoch Keras sums over replicas."""
    return {name: strategy.experimental_local_results(value)[0] for name, value in logs.items()}


class WholeEpochs(keras.callbacks.Callback):
    """Makes the last execution of an epoch run only as many steps as the epoch has left."""

    def on_train_batch_begin(self, batch: int, logs: Mapping[str, float] | None = None) -> None:
        self.model.next_steps = min(self.model.steps_per_execution, self.params["steps"] - batch)
