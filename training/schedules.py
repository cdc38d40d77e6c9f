"""Learning rates as functions of the step alone, so that a resumed run continues exactly.

Each schedule takes a single step or an array of steps. Step 0 is the first update of the weights.
Steps are exact in float32 up to 2**24.
"""

import math
from collections.abc import Sequence

import keras
import numpy as np
from keras import ops

from training.schedule_settings import EpochCosine, OneCycle, Schedule, WarmupLinear


@keras.saving.register_keras_serializable(package="keras_mixers")
class PiecewiseLinear(keras.optimizers.schedules.LearningRateSchedule):
    """Linear interpolation between rates at given steps, and constant outside of them.

    Args:
        steps: steps in ascending order. Where two are equal, the second one's rate applies after
            them.
        rates: learning rate at each of the steps.

    Raises:
        ValueError: if the steps are not ascending, or the number of rates differs from theirs.

    >>> keras.ops.convert_to_numpy(PiecewiseLinear([0, 10, 20], [0.0, 1.0, 0.0])(5)).item()
    0.5
    """

    def __init__(self, steps: Sequence[float], rates: Sequence[float]) -> None:
        self.steps = [float(step) for step in steps]
        self.rates = [float(rate) for rate in rates]
        if len(self.steps) != len(self.rates) or not self.rates or sorted(steps) != list(steps):
            raise ValueError(
                "PiecewiseLinear takes ascending steps and one rate for each; received "
                f"{list(steps)} and {list(rates)}."
            )

    def __call__(self, step: keras.KerasTensor) -> keras.KerasTensor:
        step = ops.cast(step, "float32")
        rate = ops.full_like(step, self.rates[0])
        for i in range(1, len(self.steps)):
            start, end = self.steps[i - 1], self.steps[i]
            line = ops.full_like(step, self.rates[i])
            if end > start:
                # Both weights are quotients of integers, so that nothing cancels near a rate of 0.
                inside = ops.clip(step, start, end)
                line = self.rates[i - 1] * ((end - inside) / (end - start))
                line = line + self.rates[i] * ((inside - start) / (end - start))
            rate = ops.where(step > start, line, rate)
        return rate

    def get_config(self) -> dict:
        return {"steps": self.steps, "rates": self.rates}


@keras.saving.register_keras_serializable(package="keras_mixers")
class PerEpoch(keras.optimizers.schedules.LearningRateSchedule):
    """One rate per epoch; the last one also applies to all later epochs.

    Args:
        rates: learning rates of epochs 0, 1, ...
        steps_per_epoch: updates of the weights per epoch.

    Raises:
        ValueError: if there are no rates, or an epoch has no steps.

    >>> keras.ops.convert_to_numpy(PerEpoch([1.0, 0.5], steps_per_epoch=10)(10)).item()
    0.5
    """

    def __init__(self, rates: Sequence[float], steps_per_epoch: int) -> None:
        self.rates = [float(rate) for rate in rates]
        self.steps_per_epoch = int(steps_per_epoch)
        if not self.rates or self.steps_per_epoch < 1:
            raise ValueError(
                "PerEpoch needs at least one rate and at least one step per epoch; received "
                f"{len(self.rates)} rates and {steps_per_epoch} steps."
            )

    def __call__(self, step: keras.KerasTensor) -> keras.KerasTensor:
        epoch = ops.cast(step, "int64") // self.steps_per_epoch
        table = ops.convert_to_tensor(np.array(self.rates, "float32"))
        return ops.take(table, ops.clip(epoch, 0, len(self.rates) - 1), axis=0)

    def get_config(self) -> dict:
        return {"rates": self.rates, "steps_per_epoch": self.steps_per_epoch}


def build_schedule(
    settings: Schedule, epochs: int, steps_per_epoch: int
) -> keras.optimizers.schedules.LearningRateSchedule:
    """Return a recipe's schedule as a Keras schedule.

    Args:
        settings: the recipe's schedule.
        epochs: number of epochs of the whole run.
        steps_per_epoch: updates of the weights per epoch.

    >>> schedule = build_schedule(OneCycle(peak=0.01), epochs=5, steps_per_epoch=10)
    >>> round(float(schedule(19)), 6)
    0.01
    """
    last = epochs * steps_per_epoch
    if isinstance(settings, OneCycle):
        return _one_cycle(settings, epochs, steps_per_epoch)
    if isinstance(settings, EpochCosine):
        return PerEpoch(_epoch_rates(settings, epochs), steps_per_epoch)
    if isinstance(settings, WarmupLinear):
        warmup = settings.warmup_steps
        return PiecewiseLinear([0, warmup, max(warmup, last)], [0, settings.peak, settings.end])
    warmup = round(settings.warmup_share * last)
    if not warmup:
        return keras.optimizers.schedules.CosineDecay(settings.peak, last)
    return keras.optimizers.schedules.CosineDecay(
        0.0, max(1, last - warmup), warmup_target=settings.peak, warmup_steps=warmup
    )


def _one_cycle(settings: OneCycle, epochs: int, steps_per_epoch: int) -> PiecewiseLinear:
    # The authors give each iteration the rate of its end, one step after its start.
    turns = (0, epochs * 2 // 5, epochs * 4 // 5, epochs)
    steps = [turn * steps_per_epoch - 1 for turn in turns]
    return PiecewiseLinear(steps, [0, settings.peak, settings.peak / 20, 0])


def _epoch_rates(settings: EpochCosine, epochs: int) -> list[float]:
    cosine_epochs = epochs - settings.cooldown_epochs
    rates = []
    for epoch in (max(0, epoch - settings.lag_epochs) for epoch in range(epochs)):
        if epoch < settings.warmup_epochs:
            rise = (settings.peak - settings.warmup_start) / settings.warmup_epochs
            rates.append(settings.warmup_start + epoch * rise)
        elif epoch < cosine_epochs:
            # The cosine starts at epoch 0, so that it is below its peak when the warm-up ends.
            share = (1 + math.cos(math.pi * epoch / cosine_epochs)) / 2
            rates.append(settings.minimum + (settings.peak - settings.minimum) * share)
        else:
            rates.append(settings.minimum)
    return rates
