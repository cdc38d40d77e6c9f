from typing import Any

import keras
from keras import ops

from keras_mixers.argument_checks import check_known, check_rank
from keras_mixers.layers.initializers import transformer_normal


@keras.saving.register_keras_serializable(package="keras_mixers")
class ClassToken(keras.layers.Layer):
    """Prepends a learned token, whose final state is classified, to the tokens of an image.

    Input: (B, N, C). Output: (B, N + 1, C), the class token at index 0.

    Example:

    >>> tuple(ClassToken()(keras.ops.ones((2, 4, 8))).shape)
    (2, 5, 8)

    Reference: Dosovitskiy et al., https://arxiv.org/abs/2010.11929.
    """

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.supports_masking = True

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        check_rank("ClassToken", input_shape, "(B, N, C)")
        channels = check_known("ClassToken", "the channels", input_shape[-1])
        self.token = self.add_weight(
            shape=(1, 1, channels), initializer=transformer_normal(), name="token"
        )

    def call(self, inputs: keras.KerasTensor) -> keras.KerasTensor:
        # Adding the token to zeros of the batch's shape converts to every export format.
        token = ops.zeros_like(inputs[:, :1]) + ops.cast(self.token, inputs.dtype)
        return ops.concatenate([token, inputs], axis=1)

    def compute_mask(
        self, inputs: keras.KerasTensor, mask: keras.KerasTensor | None = None
    ) -> keras.KerasTensor | None:
        """Return the mask (B, N + 1) in which the class token is never masked."""
        if mask is None:
            return None
        mask = ops.cast(mask, "bool")
        return ops.concatenate([ops.ones_like(mask[:, :1]), mask], axis=1)

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        batch, tokens, channels = input_shape
        return (batch, None if tokens is None else tokens + 1, channels)
