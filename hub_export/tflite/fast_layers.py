"""Models rewritten for what the runtimes of small machines are fast at, number for number."""

from functools import partial

import keras
from keras import ops

from hub_export.tflite.split_depthwise import nested_depthwise, tiled_depthwise
from hub_export.verification.tflite_file import Quantize
from keras_mixers.layers.conv_mixer_block import ConvMixerBlock
from keras_mixers.layers.soft_split import SoftSplit

# The largest depthwise kernel that XNNPACK has code of its own for; see `split_depthwise`.
_LARGEST = 5


def for_tflite(model: keras.Model, quantize: Quantize = "none") -> keras.Model:
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
    >>> bool(keras.ops.max(keras.ops.abs(for_tflite(model)(images) - model(images))) < 1e-6)
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


class BlockedSoftSplit(SoftSplit):
    """`SoftSplit` that cuts the padded map into s x s blocks, which its patches are made of.

    A patch is a block and those that follow it, below and beside, of which the last may not be
    whole. Blocks are a matter of reshaping, and neighbours one of slices without strides.
    """

    def call(self, inputs: keras.KerasTensor) -> keras.KerasTensor:
        height, width, channels = inputs.shape[1:]
        if height is None or width is None:
            return super().call(inputs)
        rows, columns = self.grid(height, width)
        more = -(-self.kernel_size // self.stride) - 1  # Blocks of a patch after its first.
        tall, wide = ((count + more) * self.stride for count in (rows, columns))
        before = self.padding
        below, beside = (max(0, side - before) for side in (tall - height, wide - width))
        x = ops.pad(inputs, ((0, 0), (before, below), (before, beside), (0, 0)))
        x = x[:, :tall, :wide]  # What no patch reaches is left out.
        x = ops.reshape(x, (-1, tall, columns + more, self.stride * channels))
        x = self._joined([x[:, :, i : i + columns] for i in range(more + 1)], channels)
        # The rows of a block lie apart: they are brought together.
        size = self.kernel_size * channels
        x = ops.transpose(ops.reshape(x, (-1, self.stride, columns, size)), (0, 2, 1, 3))
        x = ops.reshape(x, (-1, rows + more, columns, self.stride * size))
        x = self._joined([x[:, i : i + rows] for i in range(more + 1)], size)
        return ops.reshape(x, (-1, rows * columns, self.kernel_size * size))

    def _joined(self, blocks: list[keras.KerasTensor], size: int) -> keras.KerasTensor:
        """Join neighbouring blocks, of whose rows or columns each has `size` numbers."""
        last = (self.kernel_size - (len(blocks) - 1) * self.stride) * size
        return ops.concatenate([*blocks[:-1], blocks[-1][..., :last]], axis=-1)
