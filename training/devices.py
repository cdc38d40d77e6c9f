"""Which devices train a run, as data. Needs neither Keras nor TensorFlow."""

from dataclasses import dataclass
from typing import Literal

from training.errors import RecipeError
from training.typed_fields import check_fields, offer

STRATEGIES = ("one", "mirrored", "multiworker", "tpu")


@dataclass(frozen=True)
class Devices:
    """Which devices share each batch of a run, and how.

    Attributes:
        strategy: "one" device; "mirrored": all GPUs of this machine; "multiworker": the machines
            that the environment variable TF_CONFIG names, where the same command runs; "tpu".
        batch_norm: what BatchNormalization takes its statistics from: "synchronised": the whole
            batch, as on one device; "averaged": each replica's own share of it, and what was
            learnt is averaged after each step.
        steps_per_execution: steps to run without coming back to Python; rows, bars and checkpoints
            wait for them.
        wait: seconds until workers that do not come are given up.

    Raises:
        RecipeError: if a value is out of its range.

    >>> Devices("mirrored").batch_norm
    'synchronised'
    """

    strategy: Literal["one", "mirrored", "multiworker", "tpu"] = "one"
    batch_norm: Literal["synchronised", "averaged"] = "synchronised"
    steps_per_execution: int = 1
    wait: int = 300

    def __post_init__(self) -> None:
        if self.strategy not in STRATEGIES:
            known = offer(self.strategy, STRATEGIES, f"there are {', '.join(STRATEGIES)}.")
            raise RecipeError(f"There is no strategy {self.strategy!r}; {known}")
        check_fields(self)
        for name in ("steps_per_execution", "wait"):
            value = getattr(self, name)
            if value < 1:
                raise RecipeError(f"Devices.{name} must be at least 1; received {value!r}.")


ONE_DEVICE = Devices()
