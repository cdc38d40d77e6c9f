"""What Keras's `fit` and `evaluate` call: steps on all replicas, several of them at once.

Keras's own functions fail with several workers, and with several steps on several replicas; where
the steps of an epoch do not divide, they go on past its end.
"""

from collections.abc import Callable, Iterable, Mapping
from typing import Any, TypeAlias

import keras
import tensorflow as tf

Logs: TypeAlias = dict[str, Any]
Step: TypeAlias = Callable[[Any], Logs]


def fit_function(model: keras.Model, step: Step) -> Callable[[Iterable], Logs]:
    """Return a function of an iterator that runs `model.steps_now` training steps.

    Args:
        model: compiled; all it needs is made.
        step: of one batch, on one replica.
    """
    if model.steps_per_execution == 1:
        return _one_step(model, step)
    strategy, step = model.distribute_strategy, _compiled(model, step)
    model.steps_now = model.steps_per_execution

    @tf.function(reduce_retracing=True, autograph=False)
    def several(iterator: Any, count: tf.Tensor) -> Any:
        def body(i: tf.Tensor) -> tuple[tf.Tensor]:
            strategy.run(step, args=(next(iterator),))
            return (i + 1,)

        tf.while_loop(lambda i: i < count, body, (0,), parallel_iterations=1)
        return strategy.run(model.get_metrics_result)

    return lambda iterator: _of_first(strategy, several(iterator, tf.constant(model.steps_now)))


def evaluate_function(model: keras.Model, step: Step) -> Callable[[Iterable], Logs]:
    """Return a function of an iterator that runs as many steps as `evaluate` takes it to run.

    Args:
        model: compiled; all it needs is made.
        step: of one batch, on one replica.
    """
    one = _one_step(model, step)

    def function(iterator: Iterable) -> Logs:
        logs = one(iterator)
        for _ in range(model.steps_per_execution - 1):
            try:
                logs = one(iterator)
            except tf.errors.OutOfRangeError:  # There are no more; the next call will say so.
                break
        return logs

    return function


def _one_step(model: keras.Model, step: Step) -> Callable[[Iterable], Logs]:
    strategy, step = model.distribute_strategy, _compiled(model, step)

    @tf.function(reduce_retracing=True, autograph=False)
    def run(data: Any) -> Any:
        return strategy.run(step, args=(data,))

    @tf.function(reduce_retracing=True, autograph=False)
    def run_next(iterator: Any) -> Any:
        return strategy.run(step, args=(next(iterator),))

    def function(iterator: Iterable) -> Logs:
        if isinstance(iterator, tf.data.Iterator | tf.distribute.DistributedIterator):
            return _of_first(strategy, run_next(iterator))
        return _of_first(strategy, run(next(iter(iterator))))  # From `train_on_batch`.

    return function


def _compiled(model: keras.Model, step: Step) -> Step:
    """Return a step as it is to be traced."""
    if model.jit_compile:  # Keras does not ask for it on several replicas.
        return tf.function(step, jit_compile=True, reduce_retracing=True, autograph=False)
    return step


def _of_first(strategy: tf.distribute.Strategy, logs: Logs) -> Logs:
    """Return what the first replica here has measured so far; Keras adds it up after the epoch."""
    return {name: strategy.experimental_local_results(value)[0] for name, value in logs.items()}


class WholeEpochs(keras.callbacks.Callback):
    """Ends the last steps of an epoch, if they are executed together, where the epoch ends."""

    def on_train_batch_begin(self, batch: int, logs: Mapping[str, float] | None = None) -> None:
        self.model.steps_now = min(self.model.steps_per_execution, self.params["steps"] - batch)
