"""What a mask must do in every layer in which tokens see each other."""

import numpy as np

from tests.keras_mixers.layers.formulas import call, normal, randomize
from tests.keras_mixers.layers.layer_case import LayerCase


def check_masked_tokens_have_no_influence(case: LayerCase) -> None:
    """The others see nothing of a masked token, as if it were not there."""
    layer = case.make(dtype="float64")
    randomize(layer)
    x, other = normal(*case.input_shape), normal(*case.input_shape, seed=5)
    mask = np.ones(case.input_shape[:2], bool)
    mask[0, 1] = mask[1, 3:] = False
    output = call(layer, x, mask=mask)
    changed = call(layer, np.where(mask[..., None], x, 100 * other), mask=mask)
    np.testing.assert_array_equal(changed[mask], output[mask])
    assert np.all(changed[~mask] != output[~mask])
    for sample, seen in enumerate(mask):
        alone = call(layer, x[sample : sample + 1, seen])
        np.testing.assert_allclose(output[sample, seen], alone[0], atol=1e-12)
    # Where no token is masked, it is as without a mask; masks may be numbers.
    np.testing.assert_allclose(
        call(layer, x, mask=np.ones_like(mask, "float32")), call(layer, x), atol=1e-12
    )
    assert np.all(np.isfinite(call(layer, x, mask=np.zeros_like(mask))))
