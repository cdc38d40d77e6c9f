from typing import Any

import keras
from keras import ops

from keras_mixers.argument_checks import check_known

# What the references add to the variance: the defaults of flax and of PyTorch.
FLAX_EPSILON = 1e-6
TORCH_EPSILON = 1e-5


@keras.saving.register_keras_serializable(package="keras_mixers")
class LayerNorm(keras.layers.Layer):
    """Normalises the last axis to mean 0 and variance 1, then scales and shifts it.

    It returns the values of `keras.layers.LayerNormalization`, but is written with `d * d`, which
    TFLite can quantise to integers; the stock layer would leave parts of the network in floats.
    Half-precision inputs are normalised in float32.

    Input and output: (..., C).

    Args:
        epsilon: Added to the variance. The references use 1e-6 (MLP-Mixer) and 1e-5 (T2T-ViT).

    Example:

    >>> x = keras.ops.convert_to_tensor([[1.0, 3.0]])
    >>> keras.ops.convert_to_numpy(LayerNorm(epsilon=0.0)(x)).tolist()
    [[-1.0, 1.0]]

    Reference: Ba et al., https://arxiv.org/abs/1607.06450.
    """

    def __init__(self, epsilon: float = 1e-6, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.epsilon = epsilon
        self.supports_masking = True

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        channels = (check_known("LayerNorm", "the last axis", input_shape[-1]),)
        # Autocasting would round the weights to half precision before they are used in float32.
        self.gamma = self.add_weight(channels, "ones", autocast=False, name="gamma")
        self.beta = self.add_weight(channels, "zeros", autocast=False, name="beta")

    def call(self, inputs: keras.KerasTensor) -> keras.KerasTensor:
        wide = keras.backend.result_type(self.compute_dtype, "float32")
        x = ops.cast(inputs, wide)
        d = x - ops.mean(x, axis=-1, keepdims=True)
        scale = ops.rsqrt(ops.mean(d * d, axis=-1, keepdims=True) + self.epsilon)
        x = d * scale * ops.cast(self.gamma, wide) + ops.cast(self.beta, wide)
        return ops.cast(x, self.compute_dtype)

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        return input_shape

    def get_config(self) -> dict:
        return {**super().get_config(), "epsilon": self.epsilon}
