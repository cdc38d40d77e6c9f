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
from keras_mixers.layers.reshape import reshape_keeping_batch


@keras.saving.register_keras_serializable(package="keras_mixers")
class MLP(keras.layers.Layer):
    """Widens the last axis, activates, and narrows it again: Dense, activation, Dense.

    Dropout follows the activation and the second Dense layer, as in timm and T2T-ViT.

    Input and output: (B, N, C).

    Args:
        hidden_dim: Width between the two Dense layers.
        activation: `"gelu"`, `"gelu_tanh"`, a Keras activation's name, or a callable.
        drop_rate: Dropout rate, in [0, 1).
        kernel_initializer: Initial weights of both layers; biases start at 0.

    Raises:
        ValueError: If an argument is out of its range.

    Example:

    >>> tuple(MLP(16)(keras.ops.ones((1, 5, 4))).shape)
    (1, 5, 4)

    Reference: timm's `Mlp`.
    """

    def __init__(
        self,
        hidden_dim: int,
        activation: Activation = "gelu",
        drop_rate: float = 0.0,
        kernel_initializer: str | keras.initializers.Initializer = "lecun_normal",
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.hidden_dim = check_integer("hidden_dim", hidden_dim)
        self.activation = get_activation(activation)
        self.drop_rate = check_rate("drop_rate", drop_rate)
        self.kernel_initializer = keras.initializers.get(kernel_initializer)
        self.supports_masking = True

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        check_rank("MLP", input_shape, "(B, N, C)")
        channels = check_known("MLP", "the last axis", input_shape[-1])
        self.dropout = keras.layers.Dropout(self.drop_rate, dtype=self.dtype_policy)
        self.dense_0, self.dense_1 = (
            keras.layers.Dense(
                width,
                # A copy for each layer: a Keras initializer returns the same numbers every time.
                kernel_initializer=self.kernel_initializer.clone(),
                dtype=self.dtype_policy,
                name=name,
            )
            for width, name in ((self.hidden_dim, "dense_0"), (channels, "dense_1"))
        )
        self.dense_0.build((None, channels))
        self.dense_1.build((None, self.hidden_dim))

    def call(self, inputs: keras.KerasTensor, training: bool = False) -> keras.KerasTensor:
        # TensorFlow fuses matrix product, bias and GELU into one call at rank 2, but not at rank 3.
        x = ops.reshape(inputs, (-1, inputs.shape[-1]))
        x = self.dropout(activate(self.activation, self.dense_0(x), training), training=training)
        x = self.dropout(self.dense_1(x), training=training)
        return reshape_keeping_batch(x, inputs.shape[1:], like=inputs)

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        return input_shape

    def get_config(self) -> dict:
        return {
            **super().get_config(),
            "hidden_dim": self.hidden_dim,
            "activation": serialize_activation(self.activation),
            "drop_rate": self.drop_rate,
            "kernel_initializer": keras.initializers.serialize(self.kernel_initializer),
        }
