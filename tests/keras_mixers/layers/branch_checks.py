"""What stochastic depth must do in every layer of two residual branches."""

from collections.abc import Callable
from itertools import product

import numpy as np

from tests.helpers.rounding import LAYER_NORM, rounding_bound

Scales = tuple[float, float]


def check_branches(
    outputs: np.ndarray, formula: Callable[[Scales], np.ndarray], roundings: int
) -> None:
    """Each branch of each sample is dropped, or doubled at a rate of 1/2, whatever the other is.

    Args:
        outputs: of one sample, repeated as a batch.
        formula: returns the sample's output where the branches are scaled so.
        roundings: of the layer.
    """
    choices = {scales: formula(scales) for scales in product((0.0, 2.0), repeat=2)}
    bounds = {
        scales: rounding_bound(expected, roundings, LAYER_NORM)
        for scales, expected in choices.items()
    }
    found = [
        [s for s, expected in choices.items() if np.abs(output - expected).max() <= bounds[s]]
        for output in outputs
    ]
    assert all(len(matches) == 1 for matches in found)
    assert len({matches[0] for matches in found}) == 4
