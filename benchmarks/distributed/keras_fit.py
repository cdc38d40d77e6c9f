"""Compares Keras's own `fit` with ours: `python -m benchmarks.distributed.keras_fit`.

Both train on two replicas, for which no GPU is needed: TensorFlow is made to see two CPUs, and two
processes on this machine are the workers. Each figure is the largest difference between the weights
of two replicas and of one device after two epochs of three steps with the same batches.
"""

import json
import sys
import tempfile
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf

from benchmarks.distributed.sides import (
    STEPS,
    Setting,
    compiled_model,
    difference_to_one_device,
    fit_weights,
)
from tests.helpers.local_replicas import largest_difference, logical_cpus, two_workers
from training.devices import Devices
from training.distributed.cluster import read_cluster
from training.distributed.strategy import prepare_for_replicas
from training.loop.callbacks import Checkpoints
from training.run.checkpoint import load_state, save_state

BOUND = 1e-6
PLAIN = Setting("AdamW with decay")
SETTINGS = (
    PLAIN,
    Setting("clipped to a norm of 0.1", {"global_clipnorm": 0.1}),
    Setting("gradients of two parts", stock={"gradient_accumulation_steps": 2}, accumulate=2),
    Setting("moving average", {"use_ema": True}, {"ema_overwrite_frequency": STEPS}),
    Setting("3 steps in one execution", steps=3),
    Setting("BatchNormalization", {"learning_rate": 0.001}, batch_norm=True),
    Setting("scaled loss, NaN on the second replica", broken=True),
)


def share_of_equal_dropout(two: tf.distribute.Strategy, ours: bool) -> float:
    """Return the share of units that dropout treats the same on both replicas."""
    with two.scope():
        net = keras.Sequential([keras.Input((1000,)), keras.layers.Dropout(0.5, seed=3)])
    run = tf.function(lambda: two.run(lambda: net(tf.ones((1, 1000)), training=True)))
    with prepare_for_replicas(net, two, Devices()) if ours else two.scope():
        first, second = (np.array(mask) for mask in two.experimental_local_results(run()))
    return float((first == second).mean())


class _CrashError(Exception):
    """Stops a run."""


class _StopInSecondEpoch(keras.callbacks.Callback):
    """Stops a run in the middle of its second epoch."""

    def on_train_batch_end(self, batch: int, logs: Mapping[str, float] | None = None) -> None:
        if self.model.optimizer.iterations.numpy() == STEPS + 1:
            raise _CrashError


def difference_after_resuming(ours: bool) -> float:
    """Return how far the weights of a stopped and resumed run are from those of a whole run."""
    setting = Setting("", {"use_ema": True}, dropout=0.2)
    one = tf.distribute.get_strategy()
    whole = fit_weights(compiled_model(setting, one, ours), setting)
    with tempfile.TemporaryDirectory() as place:
        path = Path(place, "state.npz")

        def checkpoint_callback(model: keras.Model) -> keras.callbacks.Callback:
            state = [*model.variables, *model.optimizer.variables]
            if not ours:
                return keras.callbacks.BackupAndRestore(place)
            return Checkpoints(lambda step: save_state(path, step, state), STEPS)

        model = compiled_model(setting, one, ours)
        with suppress(_CrashError):
            fit_weights(
                model, setting, callbacks=[checkpoint_callback(model), _StopInSecondEpoch()]
            )
        model, first = compiled_model(setting, one, ours), 0
        if ours:
            state = [*model.variables, *model.optimizer.variables]
            first = load_state(path, state) // STEPS
        return largest_difference(
            fit_weights(model, setting, callbacks=[checkpoint_callback(model)], first=first), whole
        )


def difference_of_workers(ours: bool) -> float | str:
    """Return how far two worker processes are from one device, or the name of their error."""
    processes = two_workers("benchmarks.distributed.keras_fit", "ours" if ours else "stock")
    found, _ = (process.communicate(timeout=300)[0] for process in processes)
    return json.loads(found.splitlines()[-1])


def run_worker(side: str) -> None:
    """Run as one of two workers, and print the result as JSON."""
    strategy = tf.distribute.MultiWorkerMirroredStrategy()
    try:
        found: float | str = difference_to_one_device(
            PLAIN, strategy, side == "ours", read_cluster().index
        )
    except Exception as error:
        found = type(error).__name__
    print(json.dumps(found))


def table_cell(measure: Callable[[], float | str]) -> tuple[str, float]:
    """Return the text of a table cell and its figure, which is infinite after an error."""
    try:
        value = measure()
    except Exception as error:  # The table reports whatever error Keras raises.
        value = type(error).__name__
    if isinstance(value, str):
        return f"fails: {value}", float("inf")
    return ("all weights NaN" if np.isnan(value) else format(value, ".0e")), value


def main() -> None:
    """Print the table; fail if any figure of our side is above 1e-6."""
    if len(sys.argv) > 1:
        run_worker(sys.argv[1])
        return
    logical_cpus(2)
    two = tf.distribute.MirroredStrategy(["/cpu:0", "/cpu:1"])
    rows: list[tuple[str, Callable[[bool], float | str]]] = [
        (setting.name, lambda ours, setting=setting: difference_to_one_device(setting, two, ours))
        for setting in SETTINGS
    ]
    rows += [
        ("two workers", difference_of_workers),
        ("stopped in an epoch and resumed", difference_after_resuming),
    ]
    print(f"| setting, Keras {keras.__version__}, TensorFlow {tf.__version__} | `fit` | ours |")
    print("|---|---:|---:|")
    figures = []
    for name, measure in rows:
        (stock, _), (own, value) = (
            table_cell(lambda ours=ours, measure=measure: measure(ours)) for ours in (False, True)
        )
        figures.append(value)
        print(f"| {name} | {stock} | {own} |", flush=True)
    stock, own = (format(share_of_equal_dropout(two, ours), ".0%") for ours in (False, True))
    print(f"| dropout: share of units treated the same on both replicas | {stock} | {own} |")
    if not all(value <= BOUND for value in figures):
        worst = np.max(figures)
        sys.exit(
            f"Error: ours differs by {worst:.1e} from one device, expected at most {BOUND:.0e}."
        )


if __name__ == "__main__":
    main()
