"""Counts multiply-adds from the shapes of a model's layers, apart from the published tables."""

from collections.abc import Iterable

import keras
import numpy as np

import keras_mixers as km


def _weights(layers: Iterable[keras.layers.Layer]) -> int:
    return sum(int(np.prod(layer.kernel.shape)) for layer in layers)


def _block(layer: keras.layers.Layer) -> int:
    """Multiply-adds of one layer of ours for one image, from its output shape."""
    *positions, channels = layer.output.shape[1:]
    n = int(np.prod(positions))
    match layer:
        case km.ConvMixerBlock():
            return n * _weights([layer.depthwise, layer.pointwise])
        case km.MixerBlock():
            tokens, mlp = layer.token_mlp, layer.channel_mlp
            return channels * _weights([tokens.dense_0, tokens.dense_1]) + n * _weights(
                [mlp.dense_0, mlp.dense_1]
            )
        case km.TransformerBlock() | km.TokenTransformer():
            dense = [layer.qkv, layer.projection, layer.mlp.dense_0, layer.mlp.dense_1]
            return n * _weights(dense) + 2 * n * n * channels
        case km.ResMLPBlock():
            mlp = layer.channel_mlp
            return channels * _weights([layer.token_dense]) + n * _weights(
                [mlp.dense_0, mlp.dense_1]
            )
        case km.GMLPBlock():
            gated = layer.channels_mlp_dim // 2
            return gated * _weights([layer.gate.token_dense]) + n * _weights(
                [layer.dense_0, layer.dense_1]
            )
        case km.DistilledHead():
            return _weights([layer.class_head, layer.distillation_head])
        case km.TokenPerformer():
            dense = [layer.kqv, layer.projection, layer.mlp_0, layer.mlp_1]
            # Features of keys and queries, their sums, and the two products with the values.
            attention = n * layer.features * (4 * channels + 1)
            return n * _weights(dense) + attention
    return 0


def multiply_adds(model: keras.Model) -> int:
    """Return the multiply-adds of convolutions, Dense layers and attention for one image."""
    total = 0
    for layer in model.layers:
        if isinstance(layer, km.PatchEmbed):
            grid = layer.grid(*layer.input.shape[1:3])
            total += int(np.prod(grid)) * _weights([layer.conv])
        elif isinstance(layer, keras.layers.Dense):
            total += int(np.prod(layer.output.shape[1:-1])) * _weights([layer])
        else:
            total += _block(layer)
    return total
