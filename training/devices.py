"""The devices that a run trains on, as data. Needs neither Keras nor TensorFlow."""

from dataclasses import dataclass
from typing import Literal

from training.errors import RecipeError
from training.typed_fields import check_fields, suggest

STRATEGIES = ("one", "mirrored", "multiworker", "tpu")


@dataclass(frozen=True)
class Devices:
    """The devices that share each batch of a run, and how they share it.

    Attributes:
        strategy: "one" device; "mirrored": all GPUs of this machine; "multiworker": the machines
            that the environment variable TF_CONFIG names, each running the same command; "tpu".
        batch_norm: which images BatchNormalization takes its statistics from. "synchronised": the
            whole batch, as on one device; "averaged": each replica's own images, with the moving
            statistics averaged over the replicas after each step.
        steps_per_execution: training steps per call from Python; log rows, progress bars and
            checkpoints are updated only in between.
        wait: seconds to wait for the other workers before giving up.

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
            known = suggest(self.strategy, STRATEGIES, f"there are {', '.join(STRATEGIES)}.")
            raise RecipeError(f"There is no strategy {self.strategy!r}; {known}")
        check_fields(self)
        for name in ("steps_per_execution", "wait"):
            value = getattr(self, name)
            if value < 1:
                raise RecipeError(f"Devices.{name} must be at least 1; received {value!r}.")


ONE_DEVICE = Devices()
