"""Depthwise and pointwise convolutions, with stride 1 and "same" padding, in (B, H, W, C)."""

import keras
from keras import ops

from keras_mixers.gradients.correlation import correlate
from keras_mixers.gradients.custom import with_gradient


def depthwise_conv(inputs: keras.KerasTensor, kernel: keras.KerasTensor) -> keras.KerasTensor:
    """Convolve each channel with its own kernel; the kernel's gradient is found by `correlate`.

    Args:
        inputs: (B, H, W, C), of known H, W and C.
        kernel: (k, k, C, 1), with odd k.

    >>> tuple(depthwise_conv(ops.ones((1, 8, 8, 4)), ops.ones((7, 7, 4, 1))).shape)
    (1, 8, 8, 4)
    """

    return with_gradient(_depthwise, _depthwise_gradient)(inputs, kernel)


def _depthwise(inputs: keras.KerasTensor, kernel: keras.KerasTensor) -> keras.KerasTensor:
    return ops.depthwise_conv(inputs, kernel, padding="same", data_format="channels_last")


def _depthwise_gradient(
    upstream: keras.KerasTensor, inputs: keras.KerasTensor, kernel: keras.KerasTensor
) -> tuple[keras.KerasTensor, keras.KerasTensor]:
    of_inputs = _depthwise(upstream, ops.flip(kernel, (0, 1)))
    return of_inputs, correlate(inputs, upstream, kernel.shape[0])[..., None]


def pointwise_conv(inputs: keras.KerasTensor, kernel: keras.KerasTensor) -> keras.KerasTensor:
    """Mix the channels of each position; the kernel's gradient is one matrix product.

    Args:
        inputs: (B, H, W, C), of known H, W and C.
        kernel: (1, 1, C, D).

    >>> tuple(pointwise_conv(ops.ones((1, 8, 8, 4)), ops.ones((1, 1, 4, 6))).shape)
    (1, 8, 8, 6)
    """

    return with_gradient(_pointwise, _pointwise_gradient)(inputs, kernel)


def _pointwise(inputs: keras.KerasTensor, kernel: keras.KerasTensor) -> keras.KerasTensor:
    return ops.conv(inputs, kernel, padding="same", data_format="channels_last")


def _pointwise_gradient(
    upstream: keras.KerasTensor, inputs: keras.KerasTensor, kernel: keras.KerasTensor
) -> tuple[keras.KerasTensor, keras.KerasTensor]:
    rows, rows_of_gradient = (ops.reshape(x, (-1, x.shape[-1])) for x in (inputs, upstream))
    of_inputs = ops.matmul(rows_of_gradient, ops.transpose(kernel[0, 0]))
    of_kernel = ops.matmul(ops.transpose(rows), rows_of_gradient)
    return ops.reshape(of_inputs, (-1, *inputs.shape[1:])), of_kernel[None, None]
