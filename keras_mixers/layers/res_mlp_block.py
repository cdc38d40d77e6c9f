from typing import Any

import keras
from keras import ops

from keras_mixers.argument_checks import check_integer, check_known, check_rank, check_rate
from keras_mixers.layers.activations import Activation, get_activation, serialize_activation
from keras_mixers.layers.affine import Affine
from keras_mixers.layers.drop_path import DropPath
from keras_mixers.layers.initializers import transformer_normal
from keras_mixers.layers.layer_scale import LayerScale
from keras_mixers.layers.mlp import MLP


@keras.saving.register_keras_serializable(package="keras_mixers")
class ResMLPBlock(keras.layers.Layer):
    """Mixes tokens with one linear layer and channels with an MLP, each scaled and residual.

    `x = x + gamma_1 * linear(affine(x).T).T`, then `x = x + gamma_2 * MLP(affine(x))`. Nothing is
    normalised. The linear layer's weights depend on the number of tokens N, so a block takes the N
    that it was built with and no other.

    Input and output: (B, N, C).

    Args:
        channels_mlp_dim: Width of the MLP over channels.
        initial_scale: Value that the factors of both residual branches start with.
        activation: `"gelu"`, `"gelu_tanh"`, a Keras activation's name, or a callable.
        drop_rate: Dropout rate in the MLP, from 0 to below 1.
        drop_path_rate: Probability of dropping a sample's residual branch, from 0 to below 1.

    Raises:
        ValueError: If an argument is out of its range, or the input has another N or C.

    Example:

    >>> tuple(ResMLPBlock(channels_mlp_dim=16)(keras.ops.ones((1, 4, 6))).shape)
    (1, 4, 6)

    Reference: Touvron et al., https://arxiv.org/abs/2105.03404, and their `resmlp_models.py`.
    """

    def __init__(
        self,
        channels_mlp_dim: int,
        initial_scale: float = 1e-4,
        activation: Activation = "gelu",
        drop_rate: float = 0.0,
        drop_path_rate: float = 0.0,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.channels_mlp_dim = check_integer("channels_mlp_dim", channels_mlp_dim)
        self.activation = get_activation(activation)
        self.drop_rate = check_rate("drop_rate", drop_rate)
        self.drop_path_rate = check_rate("drop_path_rate", drop_path_rate)
        shared = {"dtype": self.dtype_policy}
        self.token_affine = Affine(name="token_affine", **shared)
        self.token_scale = LayerScale(initial_scale, name="token_scale", **shared)
        self.channel_affine = Affine(name="channel_affine", **shared)
        self.channel_mlp = MLP(
            self.channels_mlp_dim,
            self.activation,
            self.drop_rate,
            transformer_normal(),
            name="channel_mlp",
            **shared,
        )
        self.channel_scale = LayerScale(initial_scale, name="channel_scale", **shared)
        self.drop_path = DropPath(self.drop_path_rate, **shared)

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        check_rank("ResMLPBlock", input_shape, "(B, N, C)")
        tokens = check_known("ResMLPBlock", "the number of tokens", input_shape[1])
        channels = check_known("ResMLPBlock", "the channels", input_shape[2])
        self.input_spec = keras.layers.InputSpec(ndim=3, axes={1: tokens, 2: channels})
        self.token_dense = keras.layers.Dense(
            tokens,
            kernel_initializer=transformer_normal(),
            dtype=self.dtype_policy,
            name="token_dense",
        )
        self.token_dense.build((None, channels, tokens))
        for layer in (self.token_affine, self.token_scale, self.channel_affine):
            layer.build(input_shape)
        self.channel_mlp.build(input_shape)
        self.channel_scale.build(input_shape)

    def call(self, inputs: keras.KerasTensor, training: bool = False) -> keras.KerasTensor:
        y = ops.transpose(self.token_affine(inputs), (0, 2, 1))
        y = self.token_scale(ops.transpose(self.token_dense(y), (0, 2, 1)))
        x = inputs + self.drop_path(y, training=training)
        y = self.channel_mlp(self.channel_affine(x), training=training)
        return x + self.drop_path(self.channel_scale(y), training=training)

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        return input_shape

    def get_config(self) -> dict:
        return {
            **super().get_config(),
            "channels_mlp_dim": self.channels_mlp_dim,
            "initial_scale": self.token_scale.initial_value,
            "activation": serialize_activation(self.activation),
            "drop_rate": self.drop_rate,
            "drop_path_rate": self.drop_path_rate,
        }
