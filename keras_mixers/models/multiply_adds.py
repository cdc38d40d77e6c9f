"""Counts the multiply-adds of a network from the shapes of its layers."""

from collections.abc import Iterable

import keras
import numpy as np

from keras_mixers.layers import (
    ConvMixerBlock,
    DistilledHead,
    GMLPBlock,
    MixerBlock,
    PatchEmbed,
    ResMLPBlock,
    TokenPerformer,
    TokenTransformer,
    TransformerBlock,
)


def multiply_adds(model: keras.Model) -> int | None:
    """Return the multiply-adds of convolutions, Dense layers and attention for one image.

    Args:
        model: A model of images whose height and width are known.

    Returns:
        The number, or None if the model has a layer with weights for which there is no rule, or
        its images may have any size.

    >>> import keras_mixers
    >>> model = keras_mixers.ConvMixer(8, 1, 4, 3, classes=10, input_shape=(32, 32, 3))
    >>> multiply_adds(model) == 8 * 8 * (4 * 4 * 3 * 8 + 3 * 3 * 8 + 8 * 8) + 8 * 10
    True
    """
    total = 0
    for layer in model.layers:
        counted = _count(layer)
        if counted is None:
            return None
        total += counted
    return total


def _count(layer: keras.layers.Layer) -> int | None:
    """Return the multiply-adds of one layer for one image, from its output shape."""
    if not any(len(weight.shape) > 1 for weight in layer.trainable_weights):
        return 0  # Nothing to count, or a normalisation, which is not counted.
    *positions, channels = layer.output.shape[1:]
    if None in positions:
        return None
    n = int(np.prod(positions))
    match layer:
        case PatchEmbed():
            return n * _weights([layer.conv])
        case keras.layers.Dense() | keras.layers.Conv2D() | keras.layers.DepthwiseConv2D():
            return n * _weights([layer])
    return _count_block(layer, n, channels)


def _count_block(layer: keras.layers.Layer, n: int, channels: int) -> int | None:
    match layer:
        case ConvMixerBlock():
            return n * _weights([layer.depthwise, layer.pointwise])
        case MixerBlock():
            tokens, mlp = layer.token_mlp, layer.channel_mlp
            return channels * _weights([tokens.dense_0, tokens.dense_1]) + n * _weights(
                [mlp.dense_0, mlp.dense_1]
            )
        case TransformerBlock() | TokenTransformer():
            dense = [layer.qkv, layer.projection, layer.mlp.dense_0, layer.mlp.dense_1]
            return n * _weights(dense) + 2 * n * n * channels
        case ResMLPBlock():
            mlp = layer.channel_mlp
            return channels * _weights([layer.token_dense]) + n * _weights(
                [mlp.dense_0, mlp.dense_1]
            )
        case GMLPBlock():
            gated = layer.channels_mlp_dim // 2
            return gated * _weights([layer.gate.token_dense]) + n * _weights(
                [layer.dense_0, layer.dense_1]
            )
        case DistilledHead():
            return _weights([layer.class_head, layer.distillation_head])
        case TokenPerformer():
            dense = [layer.kqv, layer.projection, layer.mlp_0, layer.mlp_1]
            # Features of keys and queries, their sums, and the two products with the values.
            attention = n * layer.features * (4 * channels + 1)
            return n * _weights(dense) + attention
    # Class tokens and position tables are added, not multiplied.
    return 0 if layer.name in _ADDED else None


_ADDED = ("class_token", "distillation_token", "position")


def _weights(layers: Iterable[keras.layers.Layer]) -> int:
    return sum(int(np.prod(layer.kernel.shape)) for layer in layers)
