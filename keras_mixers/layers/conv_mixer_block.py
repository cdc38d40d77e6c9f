from typing import Any

import keras

from keras_mixers.argument_checks import check_channels_last, check_integer, check_known, check_rank
from keras_mixers.layers.activations import (
    Activation,
    activate,
    get_activation,
    serialize_activation,
)
from keras_mixers.layers.convolutions import DepthwiseConv, PointwiseConv
from keras_mixers.layers.initializers import fan_in_uniform
from keras_mixers.layers.normalization import Normalization, make_normalization, normalize


@keras.saving.register_keras_serializable(package="keras_mixers")
class ConvMixerBlock(keras.layers.Layer):
    """Mixes positions with a depthwise convolution, then channels with a pointwise one.

    `x = x + BN(act(depthwise(x)))`, then `x = BN(act(pointwise(x)))`: the normalisation comes
    after the activation, and only the depthwise half has a residual connection.

    Input and output: (B, H, W, C).

    Args:
        kernel_size: Side of the depthwise kernel, in positions of the feature map.
        activation: `"gelu"`, `"gelu_tanh"`, a Keras activation's name, or a callable.
        residual: Whether there is the residual connection.
        normalization: `"batch"`, as in the paper, or `"layer"`.

    Raises:
        ValueError: If `kernel_size` is not a positive integer, or the activation or the
            normalisation is unknown.

    Example:

    >>> tuple(ConvMixerBlock(kernel_size=9)(keras.ops.ones((1, 8, 8, 4))).shape)
    (1, 8, 8, 4)

    Reference: Trockman and Kolter, https://arxiv.org/abs/2201.09792, and their `convmixer.py`.
    """

    def __init__(
        self,
        kernel_size: int = 9,
        activation: Activation = "gelu",
        residual: bool = True,
        normalization: Normalization = "batch",
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        check_channels_last()
        self.kernel_size = check_integer("kernel_size", kernel_size)
        self.activation = get_activation(activation)
        self.residual = residual
        self.normalization = normalization

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        check_rank("ConvMixerBlock", input_shape, "(B, H, W, C)")
        channels = check_known("ConvMixerBlock", "the channels", input_shape[-1])
        shared = {"dtype": self.dtype_policy}
        # Not Conv2D(groups=channels): Keras sends that through XLA, 50 times slower on CPUs.
        self.depthwise = DepthwiseConv(
            self.kernel_size,
            padding="same",
            data_format="channels_last",
            depthwise_initializer=fan_in_uniform(self.kernel_size**2),
            bias_initializer=fan_in_uniform(self.kernel_size**2),
            name="depthwise",
            **shared,
        )
        self.depthwise_norm = make_normalization(self.normalization, "depthwise_norm", **shared)
        self.pointwise = PointwiseConv(
            channels,
            1,
            data_format="channels_last",
            kernel_initializer=fan_in_uniform(channels),
            bias_initializer=fan_in_uniform(channels),
            name="pointwise",
            **shared,
        )
        self.pointwise_norm = make_normalization(self.normalization, "pointwise_norm", **shared)
        for layer in (self.depthwise, self.depthwise_norm, self.pointwise, self.pointwise_norm):
            layer.build(input_shape)

    def call(self, inputs: keras.KerasTensor, training: bool = False) -> keras.KerasTensor:
        x = activate(self.activation, self.depthwise(inputs, training=training), training)
        x = normalize(self.depthwise_norm, x, training)
        if self.residual:
            x = inputs + x
        x = activate(self.activation, self.pointwise(x, training=training), training)
        return normalize(self.pointwise_norm, x, training)

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        return input_shape

    def get_config(self) -> dict:
        return {
            **super().get_config(),
            "kernel_size": self.kernel_size,
            "activation": serialize_activation(self.activation),
            "residual": self.residual,
            "normalization": self.normalization,
        }
