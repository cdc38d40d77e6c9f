"""What the accuracies of several seeds say: intervals, paired differences, and which are real."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean, stdev

from scipy import stats

LEVEL = 0.95


@dataclass(frozen=True)
class Estimate:
    """A mean over seeds.

    Attributes:
        mean: the mean.
        count: number of seeds.
        half_width: of its 95 % interval; None for one seed, which has none.
    """

    mean: float
    count: int
    half_width: float | None


@dataclass(frozen=True)
class Difference:
    """How much more accurate an arm is than the base, over the seeds that both have.

    Attributes:
        estimate: mean of the differences, arm minus base, with its interval.
        p: probability of so large a mean or a larger one if there is no difference, from a paired
            t test; None for one seed.
    """

    estimate: Estimate
    p: float | None


def rounding(images: int) -> float:
    """Return the standard deviation of an accuracy that comes from counting whole images.

    A share of n images is the nearest multiple of 1 / n: the rest is uniform over 1 / n. Where
    seeds differ by less, by chance, an interval must not be narrower.
    """
    return 1 / (images * math.sqrt(12))


def estimate(values: Sequence[float], least_deviation: float = 0.0) -> Estimate:
    """Return the mean of values with its 95 % interval by Student's t.

    Args:
        values: one for each seed.
        least_deviation: standard deviation to take if that of the values is smaller.

    >>> estimate([0.9])
    Estimate(mean=0.9, count=1, half_width=None)
    """
    count, mean = len(values), fmean(values)
    if count < 2:
        return Estimate(mean, count, None)
    error = max(stdev(values), least_deviation) / math.sqrt(count)
    return Estimate(mean, count, float(stats.t.ppf((1 + LEVEL) / 2, count - 1)) * error)


def paired_difference(
    arm: Mapping[int, float], base: Mapping[int, float], least_deviation: float = 0.0
) -> Difference | None:
    """Return how an arm differs from the base over their common seeds; None if there are none.

    Args:
        arm: accuracy by seed.
        base: accuracy of the base by seed.
        least_deviation: standard deviation of a difference to take if it is smaller.
    """
    seeds = sorted(set(arm) & set(base))
    if not seeds:
        return None
    found = estimate([arm[seed] - base[seed] for seed in seeds], least_deviation)
    if found.half_width is None:
        return Difference(found, None)
    error = found.half_width / float(stats.t.ppf((1 + LEVEL) / 2, found.count - 1))
    if error == 0:
        return Difference(found, 1.0 if found.mean == 0 else 0.0)
    return Difference(found, float(2 * stats.t.sf(abs(found.mean) / error, found.count - 1)))


def holm(p_values: Sequence[float]) -> list[float]:
    """Return p values that are corrected for the number of tests, by Holm's method.

    Below 0.05, all of them are true with a probability of at least 95 %.

    >>> holm([0.01, 0.04, 0.03])
    [0.03, 0.06, 0.06]
    """
    corrected, highest = [0.0] * len(p_values), 0.0
    for rank, i in enumerate(sorted(range(len(p_values)), key=lambda i: p_values[i])):
        highest = max(highest, min(1.0, (len(p_values) - rank) * p_values[i]))
        corrected[i] = highest
    return corrected


def pareto_front(costs: Sequence[float], values: Sequence[float]) -> list[bool]:
    """Tell which points no other beats: none is cheaper and as good, or as cheap and better.

    >>> pareto_front([1, 2, 3], [0.8, 0.7, 0.9])
    [True, False, True]
    """
    points = list(zip(costs, values, strict=True))
    return [
        not any(
            other_cost <= cost and other >= value and (other_cost, other) != (cost, value)
            for other_cost, other in points
        )
        for cost, value in points
    ]
