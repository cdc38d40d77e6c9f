"""The depthwise kernels with which a ConvMixer mixes positions."""

from __future__ import annotations

from typing import TYPE_CHECKING

import keras
import numpy as np

from keras_mixers.layers import ConvMixerBlock
from keras_mixers.visualize.canvas import blocks_figure, mosaic, to_signed
from keras_mixers.visualize.network import largest_first, require_layers, weights_of

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_COLUMNS, _MOST = 8, 64


def depthwise_kernels(model: keras.Model) -> list[np.ndarray]:
    """Return the depthwise kernels of each block, the one with the largest norm first.

    Args:
        model: A model with `ConvMixerBlock`s, also inside models in it.

    Returns:
        An array (channels, k, k) for each block, since k may differ.

    Raises:
        NoPictureError: If the model has no such block.

    Reference: Trockman and Kolter, https://arxiv.org/abs/2201.09792, appendix.

    >>> import keras_mixers
    >>> model = keras_mixers.ConvMixer(8, 2, kernel_size=5)
    >>> [kernels.shape for kernels in depthwise_kernels(model)]
    [(8, 5, 5), (8, 5, 5)]
    """
    blocks = require_layers(model, "depthwise kernels", ConvMixerBlock)
    kernels = [weights_of(block.depthwise.kernel)[..., 0] for block in blocks]
    return [largest_first(each.transpose(2, 0, 1)) for each in kernels]


def depthwise_figure(model: keras.Model) -> Figure:
    """Draw up to 64 depthwise kernels of each block, the one with the largest norm first.

    Weights above zero are orange and those below are purple, each kernel in its own range.

    Raises:
        NoPictureError: If the model has none.
        ImportError: If matplotlib is not installed.

    >>> import keras_mixers
    >>> figure = depthwise_figure(keras_mixers.ConvMixer(8, 2, kernel_size=5))
    >>> [axes.get_title() for axes in figure.axes]
    ['block 0, 5 x 5', 'block 1, 5 x 5']
    """
    mosaics = [
        (
            f"block {i}, {kernels.shape[1]} x {kernels.shape[2]}",
            mosaic(to_signed(kernels[:_MOST]), _COLUMNS),
        )
        for i, kernels in enumerate(depthwise_kernels(model))
    ]
    return blocks_figure("Depthwise kernels, largest norm first", mosaics)
