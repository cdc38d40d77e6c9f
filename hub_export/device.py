"""Models rewritten for what the runtimes of small machines are fast at, number for number."""

from itertools import product
from typing import Literal

import keras
from keras import ops

from hub_export.blocked_split import BlockedSoftSplit
from keras_mixers.layers.conv_mixer_block import ConvMixerBlock
from keras_mixers.layers.soft_split import SoftSplit

Quantize = Literal["none", "float16", "dynamic", "int8", "int16x8"]

# XNNPACK has code of its own for depthwise kernels of up to 25 positions; larger ones it computes
# as general convolutions, several times slower. In whole networks tiles of these rows and columns
# were as fast as any of 3 x 3, 5 x 5 and single rows, in floats and in int8.
TILE = (3, 8)
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
    >>> bool(ops.max(ops.abs(for_devices(model)(images) - model(images))) < 1e-6)
    True

    Reference: `xnn_init_f32_dwconv_config` in https://github.com/google/XNNPACK.
    """
    # TFLite's own kernels compute int16x8; their time is that of the positions, in tiles or not.
    if quantize == "int16x8" or not any(_faster(layer) for layer in model.layers):
        return model
    rewritten = keras.models.clone_model(model, clone_function=_copy)
    rewritten.set_weights(model.get_weights())
    return rewritten


def _faster(layer: keras.layers.Layer) -> type[keras.layers.Layer] | None:
    """Return the class to rewrite a layer to, of the same arguments and weights."""
    if isinstance(layer, ConvMixerBlock) and layer.kernel_size > _LARGEST:
        return TiledConvMixerBlock
    return BlockedSoftSplit if type(layer) is SoftSplit else None


def _copy(layer: keras.layers.Layer) -> keras.layers.Layer:
    return (_faster(layer) or type(layer)).from_config(layer.get_config())


class TiledConvMixerBlock(ConvMixerBlock):
    """`ConvMixerBlock` at inference, of the same weights, with its depthwise kernel in tiles."""

    def call(self, inputs: keras.KerasTensor, training: bool = False) -> keras.KerasTensor:
        x = tiled_depthwise(inputs, self.depthwise.kernel, self.depthwise.bias)
        x = inputs + self.depthwise_norm(self.activation(x), training=False)
        return self.pointwise_norm(self.activation(self.pointwise(x)), training=False)


def tiled_depthwise(
    x: keras.KerasTensor, kernel: keras.KerasTensor, bias: keras.KerasTensor
) -> keras.KerasTensor:
    """Convolve each channel of a map with its own kernel, as a sum over tiles of the kernel.

    Args:
        x: (B, H, W, C), padded with zeros as `padding="same"` says.
        kernel: (k, k, C, 1).
        bias: (C,).
    """
    side = kernel.shape[0]
    before, after = (side - 1) // 2, side // 2
    # A tile takes its own part of the map, which XNNPACK pads on the fly. A map that may be
    # smaller than what a tile leaves out is padded for all tiles instead.
    if any(size is None or size < after for size in x.shape[1:3]):
        border = (before, after)
        x, before, after = ops.pad(x, ((0, 0), border, border, (0, 0))), 0, 0
    y = None
    for rows, columns in product(*(_cuts(side, step) for step in TILE)):
        borders = [(before - part.start, after - (side - part.stop)) for part in (rows, columns)]
        part = ops.depthwise_conv(_with_border(x, borders), kernel[rows, columns], padding="valid")
        y = part + bias if y is None else y + part
    return y


def _with_border(x: keras.KerasTensor, borders: list[tuple[int, int]]) -> keras.KerasTensor:
    """Add rows and columns of zeros before and after a map; negative numbers take away."""
    rows, columns = (slice(max(-a, 0), min(b, 0) or None) for a, b in borders)
    zeros = ((max(a, 0), max(b, 0)) for a, b in borders)
    return ops.pad(x[:, rows, columns], ((0, 0), *zeros, (0, 0)))


def _cuts(side: int, step: int) -> list[slice]:
    return [slice(start, min(start + step, side)) for start in range(0, side, step)]
