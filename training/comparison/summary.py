"""A study's runs in a row for each arm, and the answer that they give in three sentences."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from statistics import median

from training.comparison.outcomes import Measured, Outcome
from training.comparison.statistics import (
    LEVEL,
    Difference,
    Estimate,
    estimate,
    holm,
    paired_difference,
    pareto_front,
    rounding,
)


@dataclass(frozen=True)
class ArmSummary:
    """What the runs of an arm say.

    Attributes:
        label: of the arm.
        outcomes: its runs.
        accuracy: mean top-1 with its interval; None: no run is finished.
        difference: from the base; None for the base itself, or if there is nothing to compare.
        p: p value of the difference, corrected for the number of arms; None: no test.
        verdict: how the arm compares with the base, in words.
    """

    label: str
    outcomes: tuple[Outcome, ...]
    accuracy: Estimate | None
    difference: Difference | None = None
    p: float | None = None
    verdict: str = ""

    @property
    def measured(self) -> list[Measured]:
        """The numbers of its finished runs."""
        return [each.measured for each in self.outcomes if each.measured is not None]

    @property
    def parameters(self) -> int | None:
        """Parameters of its network; None if no run is finished."""
        return self.measured[0].parameters if self.measured else None

    @property
    def multiply_adds(self) -> int | None:
        """Multiply-adds of its network for one image; None if they aren't known."""
        return self.measured[0].multiply_adds if self.measured else None

    @property
    def peak_memory(self) -> float | None:
        """Median over its runs of the most bytes held; None if a run doesn't say."""
        found = [each.peak_memory for each in self.measured]
        known = [each for each in found if each is not None]
        return median(known) if known and len(known) == len(found) else None

    def by_seed(self) -> dict[int, float]:
        """Return top-1 of the finished runs by seed."""
        return {each.seed: each.measured.top1 for each in self.outcomes if each.measured}


Cost = Callable[[ArmSummary], float | None]


def summarise(outcomes: Sequence[Outcome]) -> list[ArmSummary]:
    """Return a row for each arm, in the order of the arms; the first one is the base."""
    labels = list(dict.fromkeys(outcome.arm for outcome in outcomes))
    base, *others = (
        _average(label, [outcome for outcome in outcomes if outcome.arm == label])
        for label in labels
    )
    others = [replace(arm, difference=_difference(arm, base)) for arm in others]
    tested = [i for i, arm in enumerate(others) if arm.difference and arm.difference.p is not None]
    p_values = holm([others[i].difference.p for i in tested])  # type: ignore[union-attr, misc]
    for i, p in zip(tested, p_values, strict=True):
        others[i] = replace(others[i], p=p)
    return [
        replace(base, verdict="base" if base.accuracy else "no finished run"),
        *(replace(arm, verdict=_verdict(arm, bool(base.accuracy))) for arm in others),
    ]


def _average(label: str, outcomes: list[Outcome]) -> ArmSummary:
    arm = ArmSummary(label, tuple(outcomes), None)
    if not arm.measured:
        return arm
    values = list(arm.by_seed().values())
    return replace(arm, accuracy=estimate(values, rounding(arm.measured[0].images)))


def _difference(arm: ArmSummary, base: ArmSummary) -> Difference | None:
    if not arm.measured:
        return None
    both = math.sqrt(2) * rounding(arm.measured[0].images)
    return paired_difference(arm.by_seed(), base.by_seed(), both)


def _verdict(arm: ArmSummary, has_base: bool) -> str:
    if arm.accuracy is None:
        return "no finished run"
    if arm.difference is None:
        return "no seed in common with the base" if has_base else "the base has no finished run"
    if arm.p is None:
        return "no interval from one seed"
    if arm.p >= 1 - LEVEL:
        return f"not told apart by {arm.difference.estimate.count} seeds"
    return "better" if arm.difference.estimate.mean > 0 else "worse"


def front(arms: Sequence[ArmSummary], cost: Cost) -> list[ArmSummary]:
    """Return the arms that no other beats in cost and mean accuracy, the cheapest first.

    Args:
        arms: as `summarise` returns them; those without a finished run or a known cost are left
            out.
        cost: what an arm costs.
    """
    points = [
        (costs, arm.accuracy.mean, arm)
        for arm in arms
        if arm.accuracy is not None and (costs := cost(arm)) is not None
    ]
    chosen = pareto_front([point[0] for point in points], [point[1] for point in points])
    on_front = [point for point, is_on_front in zip(points, chosen, strict=True) if is_on_front]
    return [arm for *_, arm in sorted(on_front, key=lambda point: point[:2])]


def answer(arms: Sequence[ArmSummary]) -> list[str]:
    """Return three sentences: the most accurate, what is told apart, and what is cheap.

    Args:
        arms: as `summarise` returns them.
    """
    measured = [arm for arm in arms if arm.accuracy is not None]
    if not measured:
        return ["No run is finished, so there is no answer yet."]
    return [_most_accurate(measured, arms[0]), _told_apart(arms), _cheap(measured)]


def _most_accurate(measured: Sequence[ArmSummary], base: ArmSummary) -> str:
    best = max(measured, key=lambda arm: arm.accuracy.mean)  # type: ignore[union-attr]
    found, images = best.accuracy, best.measured[0].images
    if found is None:
        raise ValueError(f"{best.label} has no finished run.")
    counted = f"{_number(found.count, 'seed')}, {images:,} validation images each"
    rest = ""
    if best.label != base.label:
        rest = f"; compared with {base.label}: {best.verdict}"
    return (
        f"{best.label} has the highest mean top-1 accuracy, {accuracy_text(found)} "
        f"({counted}){rest}."
    )


def _told_apart(arms: Sequence[ArmSummary]) -> str:
    base, *others = arms
    groups: dict[str, list[ArmSummary]] = {}
    for arm in others:
        groups.setdefault(arm.verdict, []).append(arm)
    for verdict in ("worse", "better"):
        groups = {verdict: groups.pop(verdict, []), **groups}
    parts = [f"{verdict}: {_list(members)}" for verdict, members in groups.items()]
    return f"Compared with {base.label}, {'; '.join(parts)}."


def _list(arms: Sequence[ArmSummary]) -> str:
    """Return labels with their differences, such as "ViT (-1.20 points)"."""
    return (
        ", ".join(
            f"{arm.label} ({points_text(arm.difference.estimate.mean)} points)"
            if arm.difference
            else arm.label
            for arm in arms
        )
        or "none"
    )


def _cheap(measured: Sequence[ArmSummary]) -> str:
    cheap = front(measured, lambda arm: arm.multiply_adds)
    if not cheap:
        return "How much the networks compute isn't known."
    costs = ", ".join(f"{arm.label} ({millions_text(arm.multiply_adds)})" for arm in cheap)
    return (
        f"Of the {len(measured)} arms, these have the highest mean for what they compute (million "
        f"multiply-adds an image): {costs}."
    )


def _number(count: int, noun: str) -> str:
    return f"{count} {noun}{'s' * (count != 1)}"


def accuracy_text(found: Estimate | None) -> str:
    """Return an accuracy in percent with its interval, or "-".

    >>> accuracy_text(Estimate(0.98765, 3, 0.0012)), accuracy_text(Estimate(0.5, 1, None))
    ('98.77 % ± 0.12', '50.00 %')
    """
    if found is None:
        return "-"
    width = "" if found.half_width is None else f" ± {100 * found.half_width:.2f}"
    return f"{100 * found.mean:.2f} %{width}"


def points_text(value: float) -> str:
    """Return a difference of accuracies in percentage points, with its sign.

    >>> points_text(-0.0123)
    '-1.23'
    """
    return f"{100 * value:+.2f}"


def difference_text(found: Difference | None) -> str:
    """Return a difference in percentage points with its interval, or "-"."""
    if found is None:
        return "-"
    width = found.estimate.half_width
    return points_text(found.estimate.mean) + ("" if width is None else f" ± {100 * width:.2f}")


def millions_text(value: int | None) -> str:
    """Return a number in millions with two digits or more, or "-".

    >>> millions_text(3_350_000), millions_text(2_128), millions_text(1_256_000_000)
    ('3.35', '0.0021', '1256')
    """
    if value is None:
        return "-"
    millions = value / 1e6
    if millions < 1:
        return f"{millions:.2g}"
    return f"{millions:.0f}" if millions >= 100 else f"{millions:.2f}"
