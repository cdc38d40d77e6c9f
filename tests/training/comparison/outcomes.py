"""Made-up outcomes of runs."""

from pathlib import Path

from tests.helpers.runs import tiny
from training.comparison.outcomes import Measured, Outcome


def finished(arm: str, seed: int, top1: float, **changes: int | None) -> Outcome:
    """Return a finished run with this accuracy."""
    numbers = {"parameters": 1000, "multiply_adds": 2_000_000, "epochs": 2, "images": 1000}
    numbers |= {"peak_memory": None}
    measured = Measured(top1, None, 1 - top1, curve=(top1 / 2, top1), **(numbers | changes))
    return Outcome(arm, seed, tiny(), Path("runs", arm), "finished", measured)


def failed(arm: str, seed: int) -> Outcome:
    """Return a run that failed."""
    return Outcome(arm, seed, tiny(), Path("runs", arm), "failed", reason="The loss was nan.")


def unfinished(arm: str, seed: int) -> Outcome:
    """Return a run that was stopped."""
    return Outcome(arm, seed, tiny(), Path("runs", arm), "not finished")


def several(arm: str, *accuracies: float, **changes: int | None) -> list[Outcome]:
    """Return finished runs with these accuracies."""
    return [finished(arm, seed, top1, **changes) for seed, top1 in enumerate(accuracies)]
