"""What a mask must do in every layer in which tokens see each other."""

import numpy as np

from tests.helpers.rounding import LAYER_NORM, assert_close, roundings_in
from tests.keras_mixers.layers.formulas import call, normal, randomize
from tests.keras_mixers.layers.layer_case import LayerCase


def check_masked_tokens_have_no_influence(case: LayerCase) -> None:
    """The others see nothing of a masked token, as if it were not there."""
    layer = case.make(dtype="float64")
    randomize(layer)
    roundings = roundings_in(layer.weights)
    x, other = normal(*case.input_shape), normal(*case.input_shape, seed=5)
    mask = np.ones(case.input_shape[:2], bool)
    mask[0, 1] = mask[1, 3:] = False
    output = call(layer, x, mask=mask)
    changed = call(layer, np.where(mask[..., None], x, 100 * other), mask=mask)
    np.testing.assert_array_equal(changed[mask], output[mask])
    assert np.all(changed[~mask] != output[~mask])
    for sample, seen in enumerate(mask):
        alone = call(layer, x[sample : sample + 1, seen])
        assert_close(output[sample, seen], alone[0], roundings, LAYER_NORM)
    # Where no token is masked, it is as without a mask; masks may be numbers.
    unmasked = call(layer, x, mask=np.ones_like(mask, "float32"))
    assert_close(unmasked, call(layer, x), roundings, LAYER_NORM)
    assert np.all(np.isfinite(call(layer, x, mask=np.zeros_like(mask))))
