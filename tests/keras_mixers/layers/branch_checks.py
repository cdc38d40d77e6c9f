"""What stochastic depth must do in every layer with residual branches."""

from collections.abc import Sequence

import numpy as np

from tests.helpers.rounding import LAYER_NORM, rounding_bound


def check_branches(outputs: np.ndarray, wanted: Sequence[np.ndarray], roundings: int) -> None:
    """Check that each sample's branches were dropped or scaled by themselves.

    Args:
        outputs: Of one sample, repeated as a batch.
        wanted: The sample's output for every choice of branches that are dropped, by a formula.
        roundings: Of the layer.
    """
    bounds = [rounding_bound(one, roundings, LAYER_NORM) for one in wanted]
    found = np.array(
        [
            [np.abs(output - one).max() <= bound for one, bound in zip(wanted, bounds, strict=True)]
            for output in outputs
        ]
    )
    assert np.all(found.sum(axis=1) == 1)
    assert np.all(found.sum(axis=0) > 0)
