"""What a run does between its steps, as Keras callbacks; each also works alone."""

import math
import signal
import threading
import time
from collections.abc import Callable, Mapping
from types import FrameType
from typing import Any

import keras
import numpy as np

from training.errors import TrainingError

# An epoch may take hours.
SECONDS_BETWEEN = 600
TERMINATED = 128 + signal.SIGTERM


class StopOnNaN(keras.callbacks.Callback):
    """Ends training with a TrainingError at the first step whose loss is no number.

    Args:
        steps: of an epoch.
    """

    def __init__(self, steps: int) -> None:
        super().__init__()
        self.steps = steps

    def on_epoch_begin(self, epoch: int, logs: Mapping[str, float] | None = None) -> None:
        # After a resume in the middle of an epoch, `fit` counts what is left of it.
        self._done = self.steps - self.params["steps"]
        self._epoch = epoch

    def on_train_batch_end(self, batch: int, logs: Mapping[str, float] | None = None) -> None:
        # A mean over the epoch so far, which the first such loss makes one too.
        loss = (logs or {}).get("loss", 0.0)
        if not math.isfinite(loss):
            step = self._done + min(batch + 1, self.params["steps"])
            raise TrainingError(
                f"The loss was {loss} at step {self._epoch * self.steps + step}, which is step "
                f"{step} of {self.steps} in epoch {self._epoch + 1}; try a lower learning rate, a "
                "smaller clip_norm, or float32."
            )


class AverageWeights(keras.callbacks.Callback):
    """Measures with the optimizer's moving average of the weights, and goes on without it.

    The weights are put back to the bit, as `keras.callbacks.SwapEMAWeights` does not: that swaps
    by adding and subtracting. `fit` itself puts the average into the model at its end; where that
    is not the end of the run, they are put back too.

    Args:
        epochs: of the whole run.
    """

    def __init__(self, epochs: int) -> None:
        super().__init__()
        self.epochs = epochs
        self._weights: list[np.ndarray] = []

    def on_test_begin(self, logs: Mapping[str, float] | None = None) -> None:
        self._keep()
        self.model.optimizer.finalize_variable_values(self.model.trainable_variables)

    def on_test_end(self, logs: Mapping[str, float] | None = None) -> None:
        self._put_back()

    def on_epoch_end(self, epoch: int, logs: Mapping[str, float] | None = None) -> None:
        if epoch + 1 == self.params["epochs"] < self.epochs:
            self._keep()

    def on_train_end(self, logs: Mapping[str, float] | None = None) -> None:
        if self._weights:
            self._put_back()

    def _keep(self) -> None:
        self._weights = [np.array(weight) for weight in self.model.trainable_variables]

    def _put_back(self) -> None:
        for weight, value in zip(self.model.trainable_variables, self._weights, strict=True):
            weight.assign(value)
        self._weights = []


class Timing(keras.callbacks.Callback):
    """Adds `learning_rate`, `images_per_second` and `seconds` to an epoch's logs.

    It must come before the callbacks that read them. The rate is that of the epoch's last step.
    Images a second are those of training alone, seconds those of the whole epoch.

    Args:
        schedule: learning rate of a step.
        batch_size: images in a step.
        steps: of an epoch.
    """

    def __init__(self, schedule: Callable[[int], Any], batch_size: int, steps: int) -> None:
        super().__init__()
        self.schedule = schedule
        self.batch_size = batch_size
        self.steps = steps
        self._rates: list[float] = []

    @property
    def images_per_second(self) -> float | None:
        """Of training, without the first epoch, which traces and compiles, if there are more."""
        rates = self._rates[1:] or self._rates
        return len(rates) / sum(1 / rate for rate in rates) if rates else None

    def on_epoch_begin(self, epoch: int, logs: Mapping[str, float] | None = None) -> None:
        self._start = time.perf_counter()

    def on_train_batch_end(self, batch: int, logs: Mapping[str, float] | None = None) -> None:
        self._trained = time.perf_counter()

    def on_epoch_end(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        images = self.params["steps"] * self.batch_size
        self._rates.append(images / (self._trained - self._start))
        (logs if logs is not None else {}).update(
            learning_rate=float(self.schedule((epoch + 1) * self.steps - 1)),
            images_per_second=self._rates[-1],
            seconds=time.perf_counter() - self._start,
        )


class Rows(keras.callbacks.Callback):
    """Gives each epoch's logs to a function, as a row; epochs count from 1.

    Args:
        add: takes a row.
    """

    def __init__(self, add: Callable[[Mapping[str, Any]], None]) -> None:
        super().__init__()
        self.add = add

    def on_epoch_end(self, epoch: int, logs: Mapping[str, float] | None = None) -> None:
        self.add({"epoch": epoch + 1, **(logs or {})})


class Checkpoints(keras.callbacks.Callback):
    """Writes the state of a run after each epoch, every ten minutes, and when it is terminated.

    SIGTERM lets the step at hand end; then the state is written and SystemExit raised, whose
    status is 143. It must come after the callbacks that write an epoch's row.

    Args:
        save: takes the step; None: nothing is written. Of several workers, those that do not write
            outlive the one that does.
        steps: of an epoch.

    Attributes:
        terminated: whether SIGTERM came.
    """

    def __init__(self, save: Callable[[int], None] | None, steps: int) -> None:
        super().__init__()
        self.save = save
        self.steps = steps
        self.terminated = False

    def on_train_begin(self, logs: Mapping[str, float] | None = None) -> None:
        self._saved = time.monotonic()
        # Only the main thread may say what a signal does.
        self._is_main = threading.current_thread() is threading.main_thread()
        if self._is_main:
            self._before = signal.signal(signal.SIGTERM, self._terminate)

    def on_train_end(self, logs: Mapping[str, float] | None = None) -> None:
        if self._is_main:
            signal.signal(signal.SIGTERM, self._before)
            self._is_main = False

    def _terminate(self, number: int, frame: FrameType | None) -> None:
        self.terminated = True

    def on_epoch_begin(self, epoch: int, logs: Mapping[str, float] | None = None) -> None:
        # After a resume in the middle of an epoch, fit counts what is left of it.
        self._first = (epoch + 1) * self.steps - self.params["steps"]
        self._epoch = epoch

    def on_train_batch_end(self, batch: int, logs: Mapping[str, float] | None = None) -> None:
        step = self._first + min(batch + 1, self.params["steps"])
        # What ends an epoch is saved once it was measured.
        if step == (self._epoch + 1) * self.steps and not self.terminated:
            return
        if self.terminated or time.monotonic() - self._saved > SECONDS_BETWEEN:
            self._save(step)

    def on_epoch_end(self, epoch: int, logs: Mapping[str, float] | None = None) -> None:
        self._save((epoch + 1) * self.steps)

    def _save(self, step: int) -> None:
        if self.save is None:
            return
        self.save(step)
        self._saved = time.monotonic()
        if self.terminated:
            raise SystemExit(TERMINATED)
