from typing import Any

import keras
from keras import ops

from keras_mixers.argument_checks import check_integer, check_known, check_rank, check_rate
from keras_mixers.layers.activations import (
    Activation,
    activate,
    get_activation,
    serialize_activation,
)
from keras_mixers.layers.drop_path import DropPath
from keras_mixers.layers.layer_norm import FLAX_EPSILON, LayerNorm
from keras_mixers.layers.reshape import reshape_keeping_batch
from keras_mixers.layers.spatial_gating_unit import SpatialGatingUnit


@keras.saving.register_keras_serializable(package="keras_mixers")
class GMLPBlock(keras.layers.Layer):
    """Widens the channels, gates them with what other tokens hold, and narrows them again.

    `x = x + dense_1(gate(activation(dense_0(LN(x)))))`, where the gate is a `SpatialGatingUnit`.
    Its weights depend on the number of tokens N, so a block takes the N that it was built with and
    no other.

    Input and output: (B, N, C).

    Args:
        channels_mlp_dim: Width between the two Dense layers; even, as the gate halves it.
        activation: `"gelu"`, `"gelu_tanh"`, a Keras activation's name, or a callable.
        drop_rate: Dropout rate after both Dense layers, from 0 to below 1.
        drop_path_rate: Probability of dropping a sample's residual branch, from 0 to below 1.

    Raises:
        ValueError: If an argument is out of its range, or the input has another N or C.

    Example:

    >>> tuple(GMLPBlock(channels_mlp_dim=16)(keras.ops.ones((1, 4, 6))).shape)
    (1, 4, 6)

    Reference: Liu et al., https://arxiv.org/abs/2105.08050, and timm's `SpatialGatingBlock`.
    """

    def __init__(
        self,
        channels_mlp_dim: int,
        activation: Activation = "gelu",
        drop_rate: float = 0.0,
        drop_path_rate: float = 0.0,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.channels_mlp_dim = check_integer("channels_mlp_dim", channels_mlp_dim)
        if self.channels_mlp_dim % 2:
            raise ValueError(f"channels_mlp_dim must be even; received {channels_mlp_dim}.")
        self.activation = get_activation(activation)
        self.drop_rate = check_rate("drop_rate", drop_rate)
        self.drop_path_rate = check_rate("drop_path_rate", drop_path_rate)
        shared = {"dtype": self.dtype_policy}
        self.norm = LayerNorm(FLAX_EPSILON, name="norm", **shared)
        self.dense_0 = keras.layers.Dense(self.channels_mlp_dim, name="dense_0", **shared)
        self.gate = SpatialGatingUnit(name="gate", **shared)
        self.dropout = keras.layers.Dropout(self.drop_rate, **shared)
        self.drop_path = DropPath(self.drop_path_rate, **shared)

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        check_rank("GMLPBlock", input_shape, "(B, N, C)")
        tokens = check_known("GMLPBlock", "the number of tokens", input_shape[1])
        channels = check_known("GMLPBlock", "the channels", input_shape[2])
        self.input_spec = keras.layers.InputSpec(ndim=3, axes={1: tokens, 2: channels})
        self.dense_1 = keras.layers.Dense(channels, dtype=self.dtype_policy, name="dense_1")
        self.norm.build(input_shape)
        self.dense_0.build((None, channels))
        self.gate.build((None, tokens, self.channels_mlp_dim))
        self.dense_1.build((None, self.channels_mlp_dim // 2))

    def call(self, inputs: keras.KerasTensor, training: bool = False) -> keras.KerasTensor:
        tokens, channels = inputs.shape[1:]
        # On rank 2 TensorFlow fuses product, bias and GELU into one call; on rank 3 it does not.
        y = ops.reshape(self.norm(inputs), (-1, channels))
        y = self.dropout(activate(self.activation, self.dense_0(y), training), training=training)
        y = reshape_keeping_batch(y, (tokens, self.channels_mlp_dim), like=inputs)
        y = self.dropout(self.dense_1(self.gate(y)), training=training)
        return inputs + self.drop_path(y, training=training)

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        return input_shape

    def get_config(self) -> dict:
        return {
            **super().get_config(),
            "channels_mlp_dim": self.channels_mlp_dim,
            "activation": serialize_activation(self.activation),
            "drop_rate": self.drop_rate,
            "drop_path_rate": self.drop_path_rate,
        }
