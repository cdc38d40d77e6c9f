"""What the constructors of all optimizers share."""

import inspect
from typing import TypeAlias

import keras

Rate: TypeAlias = float | keras.optimizers.schedules.LearningRateSchedule


def constructor_arguments(cls: type, config: dict) -> dict:
    """Return the part of a configuration that a class's constructor takes."""
    return {name: config[name] for name in inspect.signature(cls).parameters}
