"""The runs of a study, in the order in which they are made. Needs no Keras."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from training.errors import RecipeError
from training.recipe import Recipe
from training.study import Arm, Study, arm_recipe


@dataclass(frozen=True)
class Trial:
    """One run of an arm.

    Attributes:
        arm: the arm.
        seed: number of the run, from 0.
        recipe: what it trains.
    """

    arm: Arm
    seed: int
    recipe: Recipe

    @property
    def name(self) -> str:
        """Name of its folder."""
        return f"{self.arm.slug}-seed{self.seed}"


@dataclass(frozen=True)
class Shard:
    """One of several parts of a study's runs.

    Attributes:
        index: number of the part, from 1.
        count: number of parts.
    """

    index: int = 1
    count: int = 1

    def __post_init__(self) -> None:
        if not 1 <= self.index <= self.count:
            raise RecipeError(
                f"A shard must be one of 1/{self.count} to {self.count}/{self.count}; received "
                f"{self.index}/{self.count}."
            )

    def of(self, trials: Sequence[Trial]) -> list[Trial]:
        """Return the runs of this part.

        >>> Shard(2, 3).of(range(7))
        [1, 4]
        """
        return list(trials[self.index - 1 :: self.count])


def parse_shard(text: str) -> Shard:
    """Return a shard such as "3/8", the third of eight.

    Raises:
        RecipeError: if the text isn't of this form, or there is no such part.

    >>> parse_shard("3/8")
    Shard(index=3, count=8)
    """
    found = re.fullmatch(r"(\d{1,6})/(\d{1,6})", text)
    if found is None:
        raise RecipeError(f"A shard must be like 3/8, the third of eight; received {text!r}.")
    return Shard(int(found[1]), int(found[2]))


def plan_trials(study: Study) -> list[Trial]:
    """Return all runs: first one of each arm, then the second of each, so that none lags behind."""
    return [
        Trial(arm, seed, arm_recipe(study, arm, seed))
        for seed in range(study.seeds)
        for arm in study.arms
    ]
