from typing import Any

import keras
from keras import ops

from keras_mixers.argument_checks import (
    check_heads,
    check_integer,
    check_known,
    check_positive,
    check_rank,
    check_rate,
)
from keras_mixers.layers.activations import Activation, get_activation, serialize_activation
from keras_mixers.layers.drop_path import DropPath
from keras_mixers.layers.initializers import transformer_normal
from keras_mixers.layers.layer_norm import TORCH_EPSILON, LayerNorm
from keras_mixers.layers.mlp import MLP
from keras_mixers.layers.reshape import reshape_keeping_batch


@keras.saving.register_keras_serializable(package="keras_mixers")
class TransformerBlock(keras.layers.Layer):
    """Self-attention and an MLP, each after a LayerNorm and with a residual connection.

    `x = x + attention(LN(x))`, then `x = x + MLP(LN(x))`. The defaults are those of T2T-ViT.

    Input and output: (B, N, C). A mask (B, N) hides the tokens for which it is False from all
    others.

    Args:
        num_heads: Number of attention heads, which share the C channels evenly.
        mlp_ratio: Width of the MLP, as a multiple of C.
        activation: `"gelu"`, `"gelu_tanh"`, a Keras activation's name, or a callable.
        drop_rate: Dropout rate after the attention and in the MLP, in [0, 1).
        drop_path_rate: Probability of dropping a sample's residual branch, in [0, 1).
        qkv_bias: Whether queries, keys and values have a bias, as in ViT.
        epsilon: Added to the variance in both layer normalisations; 1e-6 in ViT.

    Raises:
        ValueError: If an argument is out of its range, or `num_heads` does not divide C.

    Example:

    >>> tuple(TransformerBlock(num_heads=2)(keras.ops.ones((1, 5, 8))).shape)
    (1, 5, 8)

    Reference: Yuan et al., https://arxiv.org/abs/2101.11986, `models/transformer_block.py`;
    Dosovitskiy et al., https://arxiv.org/abs/2010.11929.
    """

    def __init__(
        self,
        num_heads: int,
        mlp_ratio: float = 3.0,
        activation: Activation = "gelu",
        drop_rate: float = 0.0,
        drop_path_rate: float = 0.0,
        qkv_bias: bool = False,
        epsilon: float = TORCH_EPSILON,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.num_heads = check_integer("num_heads", num_heads)
        self.mlp_ratio = check_positive("mlp_ratio", mlp_ratio)
        self.activation = get_activation(activation)
        self.drop_rate = check_rate("drop_rate", drop_rate)
        self.drop_path_rate = check_rate("drop_path_rate", drop_path_rate)
        self.qkv_bias = qkv_bias
        self.epsilon = check_positive("epsilon", epsilon)
        self.supports_masking = True

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        check_rank("TransformerBlock", input_shape, "(B, N, C)")
        channels = check_known("TransformerBlock", "the channels", input_shape[-1])
        check_heads(self.num_heads, channels)
        shared = {"dtype": self.dtype_policy}
        self.attention_norm = LayerNorm(self.epsilon, name="attention_norm", **shared)
        self.qkv = keras.layers.Dense(
            3 * channels,
            use_bias=self.qkv_bias,
            kernel_initializer=transformer_normal(),
            name="qkv",
            **shared,
        )
        self.projection = keras.layers.Dense(
            channels, kernel_initializer=transformer_normal(), name="projection", **shared
        )
        self.dropout = keras.layers.Dropout(self.drop_rate, **shared)
        self.mlp_norm = LayerNorm(self.epsilon, name="mlp_norm", **shared)
        self.mlp = MLP(
            check_integer("mlp_ratio * channels", int(self.mlp_ratio * channels)),
            self.activation,
            self.drop_rate,
            transformer_normal(),
            name="mlp",
            **shared,
        )
        self.drop_path = DropPath(self.drop_path_rate, **shared)
        for layer in (self.attention_norm, self.qkv, self.projection, self.mlp_norm, self.mlp):
            layer.build(input_shape)

    def _attention(self, x: keras.KerasTensor, mask: keras.KerasTensor | None) -> keras.KerasTensor:
        tokens, channels = x.shape[1:]
        heads = (self.num_heads, channels // self.num_heads)
        query, key, value = (
            reshape_keeping_batch(part, (tokens, *heads), like=x)
            for part in ops.split(self.qkv(x), 3, axis=-1)
        )
        if mask is not None:
            mask = ops.cast(mask, "bool")[:, None, None, :]
        # Keras would scale the N x N products, which are larger, and with a float32 factor.
        query = query * heads[1] ** -0.5
        y = ops.dot_product_attention(query, key, value, mask=mask, scale=1.0)
        return self.projection(reshape_keeping_batch(y, (tokens, channels), like=x))

    def call(
        self,
        inputs: keras.KerasTensor,
        mask: keras.KerasTensor | None = None,
        training: bool = False,
    ) -> keras.KerasTensor:
        y = self.dropout(self._attention(self.attention_norm(inputs), mask), training=training)
        x = inputs + self.drop_path(y, training=training)
        y = self.mlp(self.mlp_norm(x), training=training)
        return x + self.drop_path(y, training=training)

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        return input_shape

    def get_config(self) -> dict:
        return {
            **super().get_config(),
            "num_heads": self.num_heads,
            "mlp_ratio": self.mlp_ratio,
            "activation": serialize_activation(self.activation),
            "drop_rate": self.drop_rate,
            "drop_path_rate": self.drop_path_rate,
            "qkv_bias": self.qkv_bias,
            "epsilon": self.epsilon,
        }
