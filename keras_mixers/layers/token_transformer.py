from typing import Any

import keras
from keras import ops

from keras_mixers.argument_checks import check_integer, check_rank
from keras_mixers.layers.initializers import transformer_normal
from keras_mixers.layers.layer_norm import TORCH_EPSILON, LayerNorm
from keras_mixers.layers.mlp import MLP


@keras.saving.register_keras_serializable(package="keras_mixers")
class TokenTransformer(keras.layers.Layer):
    """Single-head attention that narrows the long tokens of a soft split to `hidden_dim`.

    The output has another width than the input, so the residual connection starts at the values:
    with q, k, v of LN(x), `y = v + proj(softmax(q k' / sqrt(C)) v)`, then `y = y + MLP(LN(y))`.
    The scale comes from the input's C channels, not from the head's width.

    Input: (B, N, C). Output: (B, N, hidden_dim). A mask (B, N) hides the tokens for which it is
    False from all others.

    Args:
        hidden_dim: Width of queries, keys, values, MLP and output.

    Raises:
        ValueError: If `hidden_dim` is not a positive integer.

    Example:

    >>> tuple(TokenTransformer(hidden_dim=64)(keras.ops.ones((1, 16, 147))).shape)
    (1, 16, 64)

    Reference: Yuan et al., https://arxiv.org/abs/2101.11986, `models/token_transformer.py`.
    """

    def __init__(self, hidden_dim: int = 64, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.hidden_dim = check_integer("hidden_dim", hidden_dim)
        self.supports_masking = True
        shared = {"dtype": self.dtype_policy}
        self.attention_norm = LayerNorm(TORCH_EPSILON, name="attention_norm", **shared)
        self.qkv = keras.layers.Dense(
            3 * self.hidden_dim,
            use_bias=False,
            kernel_initializer=transformer_normal(),
            name="qkv",
            **shared,
        )
        self.projection = keras.layers.Dense(
            self.hidden_dim, kernel_initializer=transformer_normal(), name="projection", **shared
        )
        self.mlp_norm = LayerNorm(TORCH_EPSILON, name="mlp_norm", **shared)
        self.mlp = MLP(
            self.hidden_dim, kernel_initializer=transformer_normal(), name="mlp", **shared
        )

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        check_rank("TokenTransformer", input_shape, "(B, N, C)")
        self.attention_norm.build(input_shape)
        self.qkv.build(input_shape)
        for layer in (self.projection, self.mlp_norm, self.mlp):
            layer.build(self.compute_output_shape(input_shape))

    def call(
        self, inputs: keras.KerasTensor, mask: keras.KerasTensor | None = None
    ) -> keras.KerasTensor:
        x = self.attention_norm(inputs)
        query, key, value = ops.split(self.qkv(x), 3, axis=-1)
        if mask is not None:
            mask = ops.cast(mask, "bool")[:, None, None, :]
        # Keras would scale the N x N products, which are larger, and with a float32 factor.
        query = query * inputs.shape[-1] ** -0.5
        one_head = (ops.expand_dims(part, 2) for part in (query, key, value))
        y = ops.dot_product_attention(*one_head, mask=mask, scale=1.0)
        y = value + self.projection(ops.squeeze(y, 2))
        return y + self.mlp(self.mlp_norm(y))

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        return (*input_shape[:-1], self.hidden_dim)

    def get_config(self) -> dict:
        return {**super().get_config(), "hidden_dim": self.hidden_dim}
