from typing import Any

import keras
from keras import ops

from keras_mixers.argument_checks import check_known, check_rank
from keras_mixers.layers.layer_norm import TORCH_EPSILON, LayerNorm


@keras.saving.register_keras_serializable(package="keras_mixers")
class SpatialGatingUnit(keras.layers.Layer):
    """Multiplies one half of the channels by the other half, which was mixed over the tokens.

    `u, v = split(x)`, then `u * linear(LN(v).T).T`. The linear layer starts with weights near zero
    and biases of one, so that the unit first passes `u` through. Its weights depend on the number
    of tokens N, so a unit takes the N that it was built with and no other.

    Input: (B, N, 2 * C). Output: (B, N, C).

    Raises:
        ValueError: If the number of channels is odd, or the input has another N or C.

    Example:

    >>> tuple(SpatialGatingUnit()(keras.ops.ones((1, 4, 6))).shape)
    (1, 4, 3)

    Reference: Liu et al., https://arxiv.org/abs/2105.08050, and timm's `SpatialGatingUnit`.
    """

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        check_rank("SpatialGatingUnit", input_shape, "(B, N, 2 * C)")
        tokens = check_known("SpatialGatingUnit", "the number of tokens", input_shape[1])
        channels = check_known("SpatialGatingUnit", "the channels", input_shape[2])
        if channels % 2:
            raise ValueError(
                f"SpatialGatingUnit needs an even number of channels; received {channels}."
            )
        self.input_spec = keras.layers.InputSpec(ndim=3, axes={1: tokens, 2: channels})
        shared = {"dtype": self.dtype_policy}
        # PyTorch's default, although the rest of timm's gMLP takes flax's.
        self.norm = LayerNorm(TORCH_EPSILON, name="norm", **shared)
        self.token_dense = keras.layers.Dense(
            tokens,
            kernel_initializer=keras.initializers.RandomNormal(stddev=1e-6),
            bias_initializer="ones",
            name="token_dense",
            **shared,
        )
        self.norm.build((*input_shape[:2], channels // 2))
        self.token_dense.build((None, channels // 2, tokens))

    def call(self, inputs: keras.KerasTensor) -> keras.KerasTensor:
        u, v = ops.split(inputs, 2, axis=-1)
        v = self.token_dense(ops.transpose(self.norm(v), (0, 2, 1)))
        return u * ops.transpose(v, (0, 2, 1))

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        batch, tokens, channels = input_shape
        return (batch, tokens, channels and channels // 2)
