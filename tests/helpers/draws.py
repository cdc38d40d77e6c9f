"""How far random numbers may be from their law by chance: four standard deviations.

A right law fails such a check with one seed of 16,000, so no seed needs to be chosen.
"""

import numpy as np
import pytest


def check_share(drawn: np.ndarray, share: float) -> None:
    """Check that each of the booleans was True with probability `share`."""
    deviation = np.sqrt(share * (1 - share) / drawn.size)
    assert drawn.mean() == pytest.approx(share, abs=4 * deviation)


def check_normal(values: np.ndarray, deviation: float) -> None:
    """Check numbers of a normal law, not truncated, with mean 0."""
    assert values.std() == pytest.approx(deviation, rel=4 / np.sqrt(2 * values.size))
    # As many lie beyond two deviations as of the whole bell.
    check_share(np.abs(values) > 2 * deviation, 0.0455)
