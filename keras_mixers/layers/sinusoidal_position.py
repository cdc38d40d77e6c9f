from typing import Any

import keras
import numpy as np
from keras import ops

from keras_mixers.argument_checks import check_known, check_rank


def sinusoidal_table(tokens: int, channels: int) -> np.ndarray:
    """Return the float64 table (tokens, channels): sines in even channels, cosines in odd ones.

    >>> sinusoidal_table(2, 4)[0].tolist()
    [0.0, 1.0, 0.0, 1.0]
    """
    channel = np.arange(channels)
    angle = np.arange(tokens)[:, None] / 10000 ** (2 * (channel // 2) / channels)
    return np.where(channel % 2 == 0, np.sin(angle), np.cos(angle))


@keras.saving.register_keras_serializable(package="keras_mixers")
class SinusoidalPosition(keras.layers.Layer):
    """Adds a fixed table of position encodings: sines and cosines of each token's index.

    The table is computed for the number of tokens that the layer is built with. It is a
    non-trainable weight, because released checkpoints contain it.

    Input and output: (B, N, C). The class token, if there is one, has index 0.

    Raises:
        ValueError: If N is unknown when the layer is built, or an input has another N.

    Example:

    >>> x = SinusoidalPosition()(keras.ops.zeros((1, 3, 2)))
    >>> keras.ops.convert_to_numpy(x)[0, 0].tolist()
    [0.0, 1.0]

    Reference: Vaswani et al., https://arxiv.org/abs/1706.03762; T2T-ViT's
    `get_sinusoid_encoding`.
    """

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.supports_masking = True

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        check_rank("SinusoidalPosition", input_shape, "(B, N, C)")
        tokens = check_known("SinusoidalPosition", "the number of tokens", input_shape[1])
        channels = check_known("SinusoidalPosition", "the channels", input_shape[2])
        self.input_spec = keras.layers.InputSpec(ndim=3, axes={1: tokens, 2: channels})
        self.table = self.add_weight(
            shape=(1, tokens, channels),
            initializer=lambda shape, dtype: ops.cast(sinusoidal_table(*shape[1:])[None], dtype),
            trainable=False,
            name="table",
        )

    def call(self, inputs: keras.KerasTensor) -> keras.KerasTensor:
        return inputs + ops.cast(self.table, inputs.dtype)

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        return input_shape
