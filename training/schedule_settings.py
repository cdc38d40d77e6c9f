"""Learning rate schedules, as data; `training.schedules` computes their rates."""

from dataclasses import dataclass

from training.typed_fields import check_at_least, check_fields, check_fraction, check_positive


@dataclass(frozen=True)
class OneCycle:
    """Per step: up to `peak` at 2/5 of the epochs, down to peak / 20 at 4/5, then to 0."""

    peak: float

    def __post_init__(self) -> None:
        check_fields(self)
        check_positive("OneCycle.peak", self.peak)


@dataclass(frozen=True)
class WarmupCosine:
    """Per step: up from 0 for a fraction of the run, then along half a cosine to 0."""

    peak: float
    warmup_share: float = 0.0

    def __post_init__(self) -> None:
        check_fields(self)
        check_positive("WarmupCosine.peak", self.peak)
        check_fraction("WarmupCosine.warmup_share", self.warmup_share)


@dataclass(frozen=True)
class WarmupLinear:
    """Per step: up from 0 for `warmup_steps`, then linearly to `end`."""

    peak: float
    warmup_steps: int = 0
    end: float = 0.0

    def __post_init__(self) -> None:
        check_fields(self)
        check_positive("WarmupLinear.peak", self.peak)
        check_at_least("WarmupLinear.warmup_steps", self.warmup_steps, 0)
        check_at_least("WarmupLinear.end", self.end, 0)


@dataclass(frozen=True)
class EpochCosine:
    """Per epoch: half a cosine from `peak` to `minimum`, as in timm.

    The cosine starts at epoch 0. Its beginning is replaced by a warm-up that rises from
    `warmup_start`. The last `cooldown_epochs` of the run stay at `minimum`. With `lag_epochs`, the
    first epoch's rate is kept for so many epochs more, and all others come so much later.
    """

    peak: float
    minimum: float = 0.0
    warmup_epochs: int = 0
    warmup_start: float = 0.0
    cooldown_epochs: int = 0
    lag_epochs: int = 0

    def __post_init__(self) -> None:
        check_fields(self)
        check_positive("EpochCosine.peak", self.peak)
        for name in ("minimum", "warmup_epochs", "warmup_start", "cooldown_epochs", "lag_epochs"):
            check_at_least(f"EpochCosine.{name}", getattr(self, name), 0)


Schedule = OneCycle | WarmupCosine | WarmupLinear | EpochCosine
