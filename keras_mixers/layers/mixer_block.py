from typing import Any

import keras
from keras import ops

from keras_mixers.argument_checks import check_integer, check_known, check_rank, check_rate
from keras_mixers.layers.activations import Activation, get_activation, serialize_activation
from keras_mixers.layers.drop_path import DropPath
from keras_mixers.layers.layer_norm import FLAX_EPSILON, LayerNorm
from keras_mixers.layers.mlp import MLP


@keras.saving.register_keras_serializable(package="keras_mixers")
class MixerBlock(keras.layers.Layer):
    """Mixes tokens with one MLP and channels with another, both after a LayerNorm.

    `x = x + MLP(LN(x).T).T`, then `x = x + MLP(LN(x))`. The token MLP's weights depend on the
    number of tokens N, so a block takes only the N that it was built with.

    Input and output: (B, N, C).

    Args:
        tokens_mlp_dim: Width of the MLP over tokens.
        channels_mlp_dim: Width of the MLP over channels.
        activation: `"gelu"`, `"gelu_tanh"`, a Keras activation's name, or a callable.
        drop_rate: Dropout rate in both MLPs, in [0, 1).
        drop_path_rate: Probability of dropping a sample's residual branch, in [0, 1).

    Raises:
        ValueError: If an argument is out of its range, or the input has another N or C.

    Example:

    >>> tuple(MixerBlock(tokens_mlp_dim=8, channels_mlp_dim=16)(keras.ops.ones((1, 4, 6))).shape)
    (1, 4, 6)

    Reference: Tolstikhin et al., https://arxiv.org/abs/2105.01601, and their
    `vit_jax/models_mixer.py`.
    """

    def __init__(
        self,
        tokens_mlp_dim: int,
        channels_mlp_dim: int,
        activation: Activation = "gelu",
        drop_rate: float = 0.0,
        drop_path_rate: float = 0.0,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.tokens_mlp_dim = check_integer("tokens_mlp_dim", tokens_mlp_dim)
        self.channels_mlp_dim = check_integer("channels_mlp_dim", channels_mlp_dim)
        self.activation = get_activation(activation)
        self.drop_rate = check_rate("drop_rate", drop_rate)
        self.drop_path_rate = check_rate("drop_path_rate", drop_path_rate)
        shared = {"dtype": self.dtype_policy}
        mlp = {"activation": self.activation, "drop_rate": self.drop_rate, **shared}
        self.token_norm = LayerNorm(FLAX_EPSILON, name="token_norm", **shared)
        self.token_mlp = MLP(self.tokens_mlp_dim, name="token_mlp", **mlp)
        self.channel_norm = LayerNorm(FLAX_EPSILON, name="channel_norm", **shared)
        self.channel_mlp = MLP(self.channels_mlp_dim, name="channel_mlp", **mlp)
        self.drop_path = DropPath(self.drop_path_rate, **shared)

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        check_rank("MixerBlock", input_shape, "(B, N, C)")
        tokens = check_known("MixerBlock", "the number of tokens", input_shape[1])
        channels = check_known("MixerBlock", "the channels", input_shape[2])
        self.input_spec = keras.layers.InputSpec(ndim=3, axes={1: tokens, 2: channels})
        self.token_norm.build(input_shape)
        self.token_mlp.build((None, channels, tokens))
        self.channel_norm.build(input_shape)
        self.channel_mlp.build(input_shape)

    def call(self, inputs: keras.KerasTensor, training: bool = False) -> keras.KerasTensor:
        y = ops.transpose(self.token_norm(inputs), (0, 2, 1))
        y = ops.transpose(self.token_mlp(y, training=training), (0, 2, 1))
        x = inputs + self.drop_path(y, training=training)
        y = self.channel_mlp(self.channel_norm(x), training=training)
        return x + self.drop_path(y, training=training)

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        return input_shape

    def get_config(self) -> dict:
        return {
            **super().get_config(),
            "tokens_mlp_dim": self.tokens_mlp_dim,
            "channels_mlp_dim": self.channels_mlp_dim,
            "activation": serialize_activation(self.activation),
            "drop_rate": self.drop_rate,
            "drop_path_rate": self.drop_path_rate,
        }
