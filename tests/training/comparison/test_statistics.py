"""Intervals, paired differences, Holm and the Pareto front: by hand and against scipy."""

import math

import numpy as np
import pytest
from scipy import stats

from training.comparison.statistics import (
    estimate,
    holm,
    paired_difference,
    pareto_front,
    rounding,
)


def test_an_interval_by_hand() -> None:
    # Mean 0.9, deviation 0.01; t of 97.5 % with 2 degrees of freedom is 4.30265.
    found = estimate([0.89, 0.90, 0.91])
    assert (found.mean, found.count) == (pytest.approx(0.9), 3)
    assert found.half_width == pytest.approx(4.30265 * 0.01 / math.sqrt(3), rel=1e-5)


@pytest.mark.parametrize("count", [2, 3, 5, 30])
def test_intervals_and_tests_are_those_of_scipy(count: int) -> None:
    numbers = np.random.default_rng(0)
    arm, base = numbers.normal(0.9, 0.01, count), numbers.normal(0.91, 0.01, count)
    low, high = stats.ttest_1samp(arm, 0).confidence_interval(0.95)
    found = estimate(arm.tolist())
    assert (found.mean, found.half_width) == pytest.approx(((low + high) / 2, (high - low) / 2))
    reference = stats.ttest_rel(arm, base)
    paired = paired_difference(dict(enumerate(arm)), dict(enumerate(base)))
    assert paired is not None
    assert paired.p == pytest.approx(reference.pvalue)
    low, high = reference.confidence_interval(0.95)
    assert paired.estimate.mean == pytest.approx((low + high) / 2)
    assert paired.estimate.half_width == pytest.approx((high - low) / 2)


def test_one_seed_has_no_interval() -> None:
    assert estimate([0.9]).half_width is None
    paired = paired_difference({0: 0.9}, {0: 0.8})
    assert paired is not None
    assert (paired.p, paired.estimate.count) == (None, 1)


def test_differences_are_of_common_seeds_alone() -> None:
    paired = paired_difference({0: 0.9, 1: 0.8, 3: 0.1}, {1: 0.6, 0: 0.8, 2: 0.0})
    assert paired is not None
    assert (paired.estimate.mean, paired.estimate.count) == (pytest.approx(0.15), 2)
    assert paired_difference({0: 0.9}, {1: 0.9}) is None


def test_equal_seeds_are_as_sure_as_counting_allows_and_no_more() -> None:
    # Each seed counts 2 of 1,000 images more: by chance, as counts are whole.
    arm, base = {0: 0.902, 1: 0.912}, {0: 0.900, 1: 0.910}
    least = math.sqrt(2) * rounding(1000)
    paired = paired_difference(arm, base, least)
    assert paired is not None
    assert paired.estimate.half_width == pytest.approx(12.7062 * least / math.sqrt(2), rel=1e-5)
    assert paired.p is not None
    assert paired.p > 0.05
    # The deviation of what rounding adds, by drawing.
    shares = np.random.default_rng(0).uniform(0, 1, 100_000)
    assert rounding(50) == pytest.approx(np.std(np.round(shares * 50) / 50 - shares), rel=0.01)


def test_holm_by_hand() -> None:
    # Sorted: 0.01 * 4, 0.02 * 3, 0.03 * 2 (not below the one before), 0.5 * 1.
    assert holm([0.03, 0.01, 0.5, 0.02]) == pytest.approx([0.06, 0.04, 0.5, 0.06])
    assert holm([0.9, 0.8]) == [1.0, 1.0]
    assert holm([]) == []


def test_pareto_front_by_hand() -> None:
    assert pareto_front([1, 2, 2, 3], [0.9, 0.9, 0.95, 0.94]) == [True, False, True, False]
    assert pareto_front([1, 1], [0.9, 0.9]) == [True, True]
    assert pareto_front([], []) == []
