"""Weights for a network that is timed without trained ones."""

import keras
import numpy as np


def randomise_constants(model: keras.Model) -> None:
    """Add random numbers to weights that are all alike, such as initial zeros and ones, in place.

    Converters leave these out of a file, which makes it faster than that of a trained network, and
    a head of zeros gives the same for any image.

    >>> import keras_mixers
    >>> model = keras_mixers.MLPMixer(8, 1, input_shape=(32, 32, 3), classes=5)
    >>> randomise_constants(model)
    >>> bool(np.ptp(model.get_layer("head").kernel) > 0)
    True
    """
    numbers = np.random.default_rng(0)
    for weight in model.weights:
        values = np.asarray(weight)
        if "float" not in weight.dtype or np.ptp(values) > 0:
            continue
        scale = 0.1 if values.ndim == 1 else values.shape[0] ** -0.5
        weight.assign(values + numbers.normal(size=values.shape, scale=scale))
