"""Finds the layouts that describe a model."""

from collections.abc import Iterable

import keras

from keras_mixers.weights.errors import CheckpointError
from keras_mixers.weights.layouts import LAYOUTS, Layout


def fitting_layouts(model: keras.Model) -> list[Layout]:
    """Return the layouts that have all weights of a model.

    Raises:
        CheckpointError: If there is none, since no model function built the model.
    """
    names = {weight.path for weight in model.weights}
    depth = number_of_blocks(names)
    fitting = [
        layout for layout in LAYOUTS if names <= {rule.weight for rule in layout.expand(depth)}
    ]
    if not fitting:
        raise CheckpointError(
            f"The model {model.name!r} is not as a model function of keras_mixers builds it, so no "
            "released checkpoint fits it."
        )
    return fitting


def number_of_blocks(weights: Iterable[str]) -> int:
    """Return how many blocks a model has.

    >>> number_of_blocks(["block_0/dense/kernel", "block_1/dense/kernel", "head/bias"])
    2
    """
    return len({name.split("/")[0] for name in weights if name.startswith("block_")})
