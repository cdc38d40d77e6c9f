"""What is known of a layer before it is tested, and bad arguments for all of them."""

from collections.abc import Callable
from dataclasses import dataclass, field

import keras
import numpy as np
import pytest
from hypothesis import settings

from tests.keras_mixers.layers.formulas import normal

Shape = tuple[int | None, ...]

# Few examples, since each of them builds a layer.
PROPERTY = settings(max_examples=12)

NO_SIZES = [0, -3, 2.0, 2.5, True, "4", None]
NO_RATES = [-0.1, 1.0, 2, True, "0.5", None, float("nan")]


@dataclass(frozen=True)
class LayerCase:
    """A layer, its arguments, and what is known of it.

    Attributes:
        layer: the class.
        arguments: of the constructor; any rate is above 0, so that its code runs in training.
        input_shape: with the batch.
        output_shape: with the batch.
        trainable: shapes of the weights that an optimiser moves, by path.
        statistics: shapes of the weights that training moves without an optimiser.
        fixed: shapes of the weights that nothing moves.
        unknown: input shapes without the batch, where a size may be unknown.
        masks: whether the layer takes a mask and passes one on.
        wide: whether the layer refuses half precision.
    """

    layer: type[keras.layers.Layer]
    arguments: dict[str, object]
    input_shape: tuple[int, ...]
    output_shape: tuple[int, ...]
    trainable: dict[str, tuple[int, ...]] = field(default_factory=dict)
    statistics: dict[str, tuple[int, ...]] = field(default_factory=dict)
    fixed: dict[str, tuple[int, ...]] = field(default_factory=dict)
    unknown: tuple[Shape, ...] = ()
    masks: bool = False
    wide: bool = False

    def make(self, **options: object) -> keras.layers.Layer:
        """Return a new layer, built for the input shape, with its initial weights."""
        layer = self.layer(**self.arguments, **options)
        layer.build(self.input_shape)
        return layer

    def inputs(self) -> np.ndarray:
        return normal(*self.input_shape).astype("float32")


def error(function: Callable[..., object], *args: object, **kwargs: object) -> str:
    """Return the message of the ValueError that the call must raise: one line."""
    with pytest.raises(ValueError) as caught:  # noqa: PT011 - the caller reads the message.
        function(*args, **kwargs)
    assert "\n" not in str(caught.value)
    return str(caught.value)
