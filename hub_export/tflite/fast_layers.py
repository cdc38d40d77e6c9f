"""Rewrites layers into equivalent forms that TFLite's runtimes compute faster."""

from functools import partial

import keras

from hub_export.tflite.split_depthwise import nested_depthwise, tiled_depthwise
from hub_export.verification.tflite_file import Quantize
from keras_mixers.layers.conv_mixer_block import ConvMixerBlock

# Side of the largest depthwise kernel with dedicated code in XNNPACK; see `split_depthwise`.
_LARGEST_FAST_KERNEL = 5


def with_fast_layers(model: keras.Model, quantize: Quantize = "none") -> keras.Model:
    """Return a model with the same weights and outputs, in a form that is fast as a TFLite file.

    Depthwise convolutions of `ConvMixerBlock` with kernels above 5 x 5 become sums of smaller ones;
    in "dynamic" files these must stay in floats, see `with_float_depthwise`. The other layers
    already have a form that integers can hold and that wastes no time; see `SoftSplit`, `LayerNorm`
    and `gelu`.

    Args:
        model: A functional model of `keras_mixers` layers. Its weights are copied.
        quantize: Types of the numbers of the TFLite file that is made from it.

    Returns:
        A model for inference with the same layer names; `model` itself if there is nothing to
        rewrite.

    Example:

    >>> import keras_mixers
    >>> model = keras_mixers.ConvMixer(8, 1, kernel_size=9, input_shape=(32, 32, 3), classes=5)
    >>> images = 255 * keras.random.uniform((1, 32, 32, 3))
    >>> difference = keras.ops.abs(with_fast_layers(model)(images) - model(images))
    >>> bool(keras.ops.max(difference) < 1e-6)
    True

    Reference: `xnn_init_f32_dwconv_config` in https://github.com/google/XNNPACK.
    """
    # TFLite computes int16x8 with its own kernels, whose time depends on the number of positions
    # alone: tiles wouldn't help.
    if quantize == "int16x8" or not any(_fast_class(layer, quantize) for layer in model.layers):
        return model
    rewritten = keras.models.clone_model(
        model, clone_function=partial(_clone_as_fast, quantize=quantize)
    )
    rewritten.set_weights(model.get_weights())
    return rewritten


def _fast_class(layer: keras.layers.Layer, quantize: Quantize) -> type[keras.layers.Layer] | None:
    """Return the faster class with the same arguments and weights as a layer, if there is one."""
    if type(layer) is not ConvMixerBlock or layer.kernel_size <= _LARGEST_FAST_KERNEL:
        return None
    return TiledConvMixerBlock if quantize == "int8" else NestedConvMixerBlock


def _clone_as_fast(layer: keras.layers.Layer, quantize: Quantize) -> keras.layers.Layer:
    return (_fast_class(layer, quantize) or type(layer)).from_config(layer.get_config())


class TiledConvMixerBlock(ConvMixerBlock):
    """`ConvMixerBlock` at inference, with its depthwise kernel split into tiles."""

    convolve = staticmethod(tiled_depthwise)

    def call(self, inputs: keras.KerasTensor, training: bool = False) -> keras.KerasTensor:
        x = self.convolve(inputs, self.depthwise.kernel, self.depthwise.bias)
        x = self.depthwise_norm(self.activation(x), training=False)
        if self.residual:
            x = inputs + x
        return self.pointwise_norm(self.activation(self.pointwise(x)), training=False)


class NestedConvMixerBlock(TiledConvMixerBlock):
    """`ConvMixerBlock` at inference, with its depthwise kernel split into nested squares."""

    convolve = staticmethod(nested_depthwise)
