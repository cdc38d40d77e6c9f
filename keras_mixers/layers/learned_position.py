from typing import Any

import keras
from keras import ops

from keras_mixers.argument_checks import check_known, check_rank
from keras_mixers.layers.initializers import transformer_normal


@keras.saving.register_keras_serializable(package="keras_mixers")
class LearnedPosition(keras.layers.Layer):
    """Adds a learned vector to each token, by its index.

    Input and output: (B, N, C). Class tokens, if there are any, come first.

    Raises:
        ValueError: If N is unknown when the layer is built, or another N comes later.

    Example:

    >>> tuple(LearnedPosition()(keras.ops.zeros((2, 3, 4))).shape)
    (2, 3, 4)

    Reference: Dosovitskiy et al., https://arxiv.org/abs/2010.11929.
    """

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.supports_masking = True

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        check_rank("LearnedPosition", input_shape, "(B, N, C)")
        tokens = check_known("LearnedPosition", "the number of tokens", input_shape[1])
        channels = check_known("LearnedPosition", "the channels", input_shape[2])
        self.input_spec = keras.layers.InputSpec(ndim=3, axes={1: tokens, 2: channels})
        self.table = self.add_weight((1, tokens, channels), transformer_normal(), name="table")

    def call(self, inputs: keras.KerasTensor) -> keras.KerasTensor:
        return inputs + ops.cast(self.table, inputs.dtype)

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        return input_shape
