"""Keras callbacks of a run; each of them also works alone."""

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

SECONDS_BETWEEN_CHECKPOINTS = 600  # An epoch may take hours.
EXIT_STATUS_OF_SIGTERM = 128 + signal.SIGTERM


class StepCallback(keras.callbacks.Callback):
    """A callback that knows the step of the run, also if `fit` resumes in the middle of an epoch.

    Args:
        steps: number of steps per epoch.
    """

    def __init__(self, steps: int) -> None:
        super().__init__()
        self.steps = steps

    def on_epoch_begin(self, epoch: int, logs: Mapping[str, float] | None = None) -> None:
        self.epoch = epoch
        # After a resume in the middle of an epoch, `fit` counts only the steps that are left.
        self.first_step = (epoch + 1) * self.steps - self.params["steps"]

    def steps_after(self, batch: int) -> int:
        """Return the number of steps of the run that are done after a batch of `fit`."""
        return self.first_step + min(batch + 1, self.params["steps"])


class StopOnNaN(StepCallback):
    """Raises TrainingError after the first step whose loss is NaN or infinite.

    Args:
        steps: number of steps per epoch.
    """

    def on_train_batch_end(self, batch: int, logs: Mapping[str, float] | None = None) -> None:
        # The mean of the epoch so far: a single NaN makes it NaN, too.
        loss = (logs or {}).get("loss", 0.0)
        if not math.isfinite(loss):
            step = self.steps_after(batch)
            raise TrainingError(
                f"The loss was {loss} at step {step}, which is step "
                f"{step - self.epoch * self.steps} of {self.steps} in epoch {self.epoch + 1}; try "
                "a lower learning rate, a smaller clip_norm, or float32."
            )


class AverageWeights(keras.callbacks.Callback):
    """Evaluates with the optimizer's moving average of the weights, and trains on without it.

    `keras.callbacks.SwapEMAWeights` swaps them by adding and subtracting, which rounds; this
    callback restores the weights exactly. At its end, `fit` replaces the weights with the average;
    if that is not the end of the run, this callback restores them, too.

    Args:
        epochs: number of epochs of the whole run.
    """

    def __init__(self, epochs: int) -> None:
        super().__init__()
        self.epochs = epochs
        self._weights: list[np.ndarray] = []

    def on_test_begin(self, logs: Mapping[str, float] | None = None) -> None:
        self._copy_weights()
        self.model.optimizer.finalize_variable_values(self.model.trainable_variables)

    def on_test_end(self, logs: Mapping[str, float] | None = None) -> None:
        self._restore_weights()

    def on_epoch_end(self, epoch: int, logs: Mapping[str, float] | None = None) -> None:
        if epoch + 1 == self.params["epochs"] < self.epochs:
            self._copy_weights()

    def on_train_end(self, logs: Mapping[str, float] | None = None) -> None:
        if self._weights:
            self._restore_weights()

    def _copy_weights(self) -> None:
        self._weights = [np.array(weight) for weight in self.model.trainable_variables]

    def _restore_weights(self) -> None:
        for weight, value in zip(self.model.trainable_variables, self._weights, strict=True):
            weight.assign(value)
        self._weights = []


class Timing(keras.callbacks.Callback):
    """Adds `learning_rate`, `images_per_second` and `seconds` to the logs of each epoch.

    It must come before the callbacks that read them. The learning rate is that of the epoch's last
    step. Images per second are those of training only; the seconds include evaluation.

    Args:
        schedule: function that maps a step to its learning rate.
        batch_size: number of images per step.
        steps: number of steps per epoch.
    """

    def __init__(self, schedule: Callable[[int], Any], batch_size: int, steps: int) -> None:
        super().__init__()
        self.schedule = schedule
        self.batch_size = batch_size
        self.steps = steps
        self._speeds: list[float] = []

    @property
    def images_per_second(self) -> float | None:
        """Speed of training; without the first epoch, which compiles, if there are others."""
        speeds = self._speeds[1:] or self._speeds
        return len(speeds) / sum(1 / speed for speed in speeds) if speeds else None

    def on_epoch_begin(self, epoch: int, logs: Mapping[str, float] | None = None) -> None:
        self._begin = time.perf_counter()

    def on_train_batch_end(self, batch: int, logs: Mapping[str, float] | None = None) -> None:
        self._end_of_training = time.perf_counter()

    def on_epoch_end(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        images = self.params["steps"] * self.batch_size
        self._speeds.append(images / (self._end_of_training - self._begin))
        (logs if logs is not None else {}).update(
            learning_rate=float(self.schedule((epoch + 1) * self.steps - 1)),
            images_per_second=self._speeds[-1],
            seconds=time.perf_counter() - self._begin,
        )


class Checkpoints(StepCallback):
    """Saves a run after each epoch, every ten minutes, and on SIGTERM.

    On SIGTERM the current step is finished and the run is saved; then SystemExit is raised with
    status 143. This callback must come after those that write an epoch's logs.

    Args:
        save: function that saves the run, given the number of steps that are done. None: nothing is
            saved, and SIGTERM only sets `terminated`, so that a worker that doesn't save outlives
            the one that does.
        steps: number of steps per epoch.

    Attributes:
        terminated: whether SIGTERM was received.
    """

    def __init__(self, save: Callable[[int], None] | None, steps: int) -> None:
        super().__init__(steps)
        self.save = save
        self.terminated = False
        self._handles_sigterm = False

    def on_train_begin(self, logs: Mapping[str, float] | None = None) -> None:
        self._last_save = time.monotonic()
        # Python allows signal handlers in the main thread only.
        self._handles_sigterm = threading.current_thread() is threading.main_thread()
        if self._handles_sigterm:
            self._previous_handler = signal.signal(signal.SIGTERM, self._terminate)

    def on_train_end(self, logs: Mapping[str, float] | None = None) -> None:
        if self._handles_sigterm:
            signal.signal(signal.SIGTERM, self._previous_handler)
            self._handles_sigterm = False

    def _terminate(self, number: int, frame: FrameType | None) -> None:
        self.terminated = True

    def on_train_batch_end(self, batch: int, logs: Mapping[str, float] | None = None) -> None:
        step = self.steps_after(batch)
        # The last step of an epoch is saved after the evaluation, in `on_epoch_end`.
        if step == (self.epoch + 1) * self.steps and not self.terminated:
            return
        is_due = time.monotonic() - self._last_save > SECONDS_BETWEEN_CHECKPOINTS
        if self.terminated or is_due:
            self._save(step)

    def on_epoch_end(self, epoch: int, logs: Mapping[str, float] | None = None) -> None:
        self._save((epoch + 1) * self.steps)

    def _save(self, step: int) -> None:
        if self.save is None:
            return
        self.save(step)
        self._last_save = time.monotonic()
        if self.terminated:
            raise SystemExit(EXIT_STATUS_OF_SIGTERM)
