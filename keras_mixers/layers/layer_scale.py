from typing import Any

import keras
from keras import ops

from keras_mixers.argument_checks import check_known, check_positive


@keras.saving.register_keras_serializable(package="keras_mixers")
class LayerScale(keras.layers.Layer):
    """Multiplies each channel of a residual branch by a learned factor that starts small.

    Input and output: (..., C).

    Args:
        initial_value: Factor of every channel at the start of training.

    Raises:
        ValueError: If `initial_value` is not above 0, or the number of channels is unknown when
            the layer is built.

    Example:

    >>> keras.ops.convert_to_numpy(LayerScale(0.5)(keras.ops.ones((1, 1, 2)))).tolist()
    [[[0.5, 0.5]]]

    Reference: Touvron et al., https://arxiv.org/abs/2103.17239.
    """

    def __init__(self, initial_value: float = 1e-4, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.initial_value = check_positive("initial_value", initial_value)
        self.supports_masking = True

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        channels = (check_known("LayerScale", "the last axis", input_shape[-1]),)
        initializer = keras.initializers.Constant(self.initial_value)
        self.gamma = self.add_weight(channels, initializer, name="gamma")

    def call(self, inputs: keras.KerasTensor) -> keras.KerasTensor:
        return inputs * ops.cast(self.gamma, inputs.dtype)

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        return input_shape

    def get_config(self) -> dict:
        return {**super().get_config(), "initial_value": self.initial_value}
