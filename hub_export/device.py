"""Models rewritten for what the runtimes of small machines are fast at, number for number."""

from functools import partial
from typing import Literal

import keras

from hub_export.blocked_split import BlockedSoftSplit
from hub_export.split_depthwise import nested_depthwise, tiled_depthwise
from keras_mixers.layers.conv_mixer_block import ConvMixerBlock
from keras_mixers.layers.soft_split import SoftSplit

Quantize = Literal["none", "float16", "dynamic", "int8", "int16x8"]

# The largest depthwise kernel that XNNPACK has code of its own for; see `split_depthwise`.
_LARGEST = 5


def for_devices(model: keras.Model, quantize: Quantize = "none") -> keras.Model:
    """Return a model of the same weights and outputs, in the form that is fast as a TFLite file.

    The depthwise convolutions of `ConvMixerBlock` with kernels above 5 x 5 become sums of smaller
    ones, which "dynamic" needs in floats: see `with_float_depthwise`. `SoftSplit` cuts without
    strides. All else already has the form that stays integer and wastes nothing: see `LayerNorm`
    and `gelu`.

    Args:
        model: functional, of the layers of `keras_mixers`. Its weights are copied.
        quantize: what the TFLite file is going to be.

    Returns:
        A model for inference with the layer names of `model`; `model` itself if there is nothing
        to rewrite.

    Example:

    >>> import keras_mixers
    >>> model = keras_mixers.ConvMixer(8, 1, kernel_size=9, input_shape=(32, 32, 3), classes=5)
    >>> images = 255 * keras.random.uniform((1, 32, 32, 3))
    >>> bool(keras.ops.max(keras.ops.abs(for_devices(model)(images) - model(images))) < 1e-6)
    True

    Reference: `xnn_init_f32_dwconv_config` in https://github.com/google/XNNPACK.
    """
    # TFLite's own kernels compute int16x8; their time is that of the positions, in tiles or not.
    if quantize == "int16x8" or not any(_faster(layer, quantize) for layer in model.layers):
        return model
    rewritten = keras.models.clone_model(model, clone_function=partial(_copy, quantize=quantize))
    rewritten.set_weights(model.get_weights())
    return rewritten


def _faster(layer: keras.layers.Layer, quantize: Quantize) -> type[keras.layers.Layer] | None:
    """Return the class to rewrite a layer to, of the same arguments and weights."""
    if type(layer) is ConvMixerBlock and layer.kernel_size > _LARGEST:
        return TiledConvMixerBlock if quantize == "int8" else NestedConvMixerBlock
    return BlockedSoftSplit if type(layer) is SoftSplit else None


def _copy(layer: keras.layers.Layer, quantize: Quantize) -> keras.layers.Layer:
    return (_faster(layer, quantize) or type(layer)).from_config(layer.get_config())


class TiledConvMixerBlock(ConvMixerBlock):
    """`ConvMixerBlock` at inference, of the same weights, with its depthwise kernel in tiles."""

    convolve = staticmethod(tiled_depthwise)

    def call(self, inputs: keras.KerasTensor, training: bool = False) -> keras.KerasTensor:
        x = self.convolve(inputs, self.depthwise.kernel, self.depthwise.bias)
        x = inputs + self.depthwise_norm(self.activation(x), training=False)
        return self.pointwise_norm(self.activation(self.pointwise(x)), training=False)


class NestedConvMixerBlock(TiledConvMixerBlock):
    """The same with its depthwise kernel in nested squares."""

    convolve = staticmethod(nested_depthwise)
