"""How far apart rounding may take two right computations of the same numbers, on any machine.

oneDNN and Eigen, AVX2 and AVX-512, one core and several add the same products in another order, and
each order rounds differently. What a test allows is derived here, not measured on one machine.
"""

import math
from collections.abc import Iterable

import keras
import numpy as np

# LayerNorm divides by sqrt(variance + epsilon), and its epsilon is nowhere below 1e-6.
LAYER_NORM = 1e-6**-0.5
EPSILON = {"float64": 2.0**-52, "float32": 2.0**-23, "float16": 2.0**-10, "bfloat16": 2.0**-7}


def rounding_bound(values: object, roundings: int, gain: float = 1.0) -> float:
    """Return how far apart two computations of `values` may be of which neither is wrong.

    Each step changes its number by at most half an epsilon of it, up as often as down. So the
    errors of n steps do not add up to n halves of an epsilon, but to about sqrt(n) of them (Higham
    and Mary, A New Approach to Probabilistic Rounding Error Analysis, 2019). This allows twice that
    to either side.

    Args:
        values: what one of them computed, in its type. The largest of them says what was rounded;
            smaller ones than 1 may be the differences of numbers of that size.
        roundings: how many there are between the inputs and an output: one for each product of
            each sum on the way. See `roundings_in`.
        gain: by how much a later step may enlarge an error beside the values, as LAYER_NORM does
            where the channels of a token are nearly alike.
    """
    array = keras.ops.convert_to_numpy(values)
    largest = max(1.0, float(np.abs(array.astype("float64")).max()))
    return 2 * EPSILON[array.dtype.name] * math.sqrt(roundings) * gain * largest


def roundings_in(weights: Iterable[keras.Variable]) -> int:
    """Return how many products are added up, sum after sum, in layers that have these weights.

    Attention's sums over the tokens are about as long as the sums beside them, and not counted.
    """
    weights = list(weights)
    statistics = {weight.path.removesuffix("moving_mean") for weight in weights}
    return sum(
        2 * weight.shape[0]  # LayerNorm's mean and variance; BatchNormalization has its own.
        if weight.path.endswith("gamma") and weight.path.removesuffix("gamma") not in statistics
        else _length_of_sum(weight)
        for weight in weights
    )


def _length_of_sum(weight: keras.Variable) -> int:
    """Return how many products make one number where a weight is used."""
    # All of a kernel but its last axis; a depthwise one, (k, k, C, 1), is k x k for each channel.
    inputs = weight.shape[:2] if "depthwise/" in weight.path else weight.shape[:-1]
    return math.prod(inputs)


def assert_close(found: object, expected: object, roundings: int, gain: float = 1.0) -> None:
    """Check that nothing but rounding, of the less precise of the two types, is between them."""
    bound = max(rounding_bound(values, roundings, gain) for values in (found, expected))
    both = (keras.ops.convert_to_numpy(values).astype("float64") for values in (found, expected))
    np.testing.assert_allclose(*both, rtol=0, atol=bound, equal_nan=False)


def assert_all_close(
    found: Iterable, expected: Iterable, roundings: int, gain: float = 1.0
) -> None:
    """Check the arrays of one computation, such as all gradients of a step.

    The largest number of all says what was rounded: those that ought to be zero, as the gradient
    of a bias before a normalisation, are the difference of such.
    """
    found, expected = (list(map(keras.ops.convert_to_numpy, side)) for side in (found, expected))
    bound = max(rounding_bound(array, roundings, gain) for array in (*found, *expected))
    for one, other in zip(found, expected, strict=True):
        both = (array.astype("float64") for array in (one, other))
        np.testing.assert_allclose(*both, rtol=0, atol=bound, equal_nan=False)
