"""Keras's convolutions, with gradients that are faster on CPUs."""

import keras
from keras import ops

from keras_mixers.gradients.convolutions import depthwise_conv, pointwise_conv
from keras_mixers.gradients.correlation import correlation_pays
from keras_mixers.gradients.use import gradients_pay


class DepthwiseConv(keras.layers.DepthwiseConv2D):
    """A depthwise convolution with stride 1 and "same" padding, as a part of another layer.

    Input and output: (B, H, W, C). See `keras_mixers.gradients`.
    """

    def call(self, inputs: keras.KerasTensor, training: bool = False) -> keras.KerasTensor:
        _, height, width, _ = inputs.shape
        if gradients_pay(training) and correlation_pays(height, width, self.kernel_size[0]):
            # A copy, because TensorFlow's custom gradients take tensors, but not variables.
            return ops.add(depthwise_conv(inputs, ops.copy(self.kernel)), self.bias)
        return super().call(inputs)


class PointwiseConv(keras.layers.Conv2D):
    """A convolution of 1 x 1, as a part of another layer.

    Input: (B, H, W, C). Output: (B, H, W, filters). See `keras_mixers.gradients`.
    """

    def call(self, inputs: keras.KerasTensor, training: bool = False) -> keras.KerasTensor:
        if gradients_pay(training) and None not in inputs.shape[1:]:
            return ops.add(pointwise_conv(inputs, ops.copy(self.kernel)), self.bias)
        return super().call(inputs)
