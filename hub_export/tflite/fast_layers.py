"""Rewrites layers into equivalent forms that TFLite's runtimes compute faster."""

from functools import partial

import keras
from keras import ops

from hub_export.tflite.split_depthwise import nested_depthwise, tiled_depthwise
from hub_export.verification.tflite_file import Quantize
from keras_mixers.layers.conv_mixer_block import ConvMixerBlock
from keras_mixers.layers.soft_split import SoftSplit

# Side of the largest depthwise kernel with dedicated code in XNNPACK; see `split_depthwise`.
_LARGEST_FAST_KERNEL = 5


def with_fast_layers(model: keras.Model, quantize: Quantize = "none") -> keras.Model:
    """Return a model with the same weights and outputs, in a form that is fast as a TFLite file.

    Depthwise convolutions of `ConvMixerBlock` with kernels above 5 x 5 become sums of smaller ones;
    in "dynamic" files these must stay in floats, see `with_float_depthwise`. `SoftSplit` cuts its
    patches without strided slices. The other layers already have a form that integers can hold
    and that wastes no time; see `LayerNorm` and `gelu`.

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
    if type(layer) is ConvMixerBlock and layer.kernel_size > _LARGEST_FAST_KERNEL:
        return TiledConvMixerBlock if quantize == "int8" else NestedConvMixerBlock
    return BlockedSoftSplit if type(layer) is SoftSplit else None


def _clone_as_fast(layer: keras.layers.Layer, quantize: Quantize) -> keras.layers.Layer:
    return (_fast_class(layer, quantize) or type(layer)).from_config(layer.get_config())


class TiledConvMixerBlock(ConvMixerBlock):
    """`ConvMixerBlock` at inference, with its depthwise kernel split into tiles."""

    convolve = staticmethod(tiled_depthwise)

    def call(self, inputs: keras.KerasTensor, training: bool = False) -> keras.KerasTensor:
        x = self.convolve(inputs, self.depthwise.kernel, self.depthwise.bias)
        x = inputs + self.depthwise_norm(self.activation(x), training=False)
        return self.pointwise_norm(self.activation(self.pointwise(x)), training=False)


class NestedConvMixerBlock(TiledConvMixerBlock):
    """`ConvMixerBlock` at inference, with its depthwise kernel split into nested squares."""

    convolve = staticmethod(nested_depthwise)


class BlockedSoftSplit(SoftSplit):
    """`SoftSplit` that cuts the padded map into s x s blocks and joins them to patches.

    s is the stride. A patch consists of one block and the blocks to the right of it and below; in
    the last of these, only the first rows or columns may belong to the patch. Blocks are cut by
    reshaping, and neighbouring blocks are found with slices that need no strides.
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
        x = x[:, :tall, :wide]  # Drops rows and columns that no patch reaches.
        x = ops.reshape(x, (-1, tall, columns + more, self.stride * channels))
        x = self._join_blocks([x[:, :, i : i + columns] for i in range(more + 1)], channels)
        # Brings the rows of each block together.
        size = self.kernel_size * channels
        x = ops.transpose(ops.reshape(x, (-1, self.stride, columns, size)), (0, 2, 1, 3))
        x = ops.reshape(x, (-1, rows + more, columns, self.stride * size))
        x = self._join_blocks([x[:, i : i + rows] for i in range(more + 1)], size)
        return ops.reshape(x, (-1, rows * columns, self.kernel_size * size))

    def _join_blocks(self, blocks: list[keras.KerasTensor], size: int) -> keras.KerasTensor:
        """Join neighbouring blocks to patches; each row or column of a block has `size` numbers."""
        last = (self.kernel_size - (len(blocks) - 1) * self.stride) * size
        return ops.concatenate([*blocks[:-1], blocks[-1][..., :last]], axis=-1)
