from typing import Any

import keras
from keras import ops

from keras_mixers.argument_checks import check_known


@keras.saving.register_keras_serializable(package="keras_mixers")
class Affine(keras.layers.Layer):
    """Scales and shifts each channel: `alpha * x + beta`, without statistics of any kind.

    ResMLP uses it where other networks normalise. It starts as the identity.

    Input and output: (..., C).

    Raises:
        ValueError: If the number of channels is unknown when the layer is built.

    Example:

    >>> tuple(Affine()(keras.ops.ones((1, 4, 6))).shape)
    (1, 4, 6)

    Reference: Touvron et al., https://arxiv.org/abs/2105.03404, equation 1.
    """

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.supports_masking = True

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        channels = (check_known("Affine", "the last axis", input_shape[-1]),)
        self.alpha = self.add_weight(channels, "ones", name="alpha")
        self.beta = self.add_weight(channels, "zeros", name="beta")

    def call(self, inputs: keras.KerasTensor) -> keras.KerasTensor:
        return inputs * ops.cast(self.alpha, inputs.dtype) + ops.cast(self.beta, inputs.dtype)

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        return input_shape
