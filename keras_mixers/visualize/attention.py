"""How a transformer's attention flows from the patches into what it classifies."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import keras
import numpy as np
from keras import ops

from keras_mixers.layers import TransformerBlock
from keras_mixers.visualize.network import (
    Network,
    NoPictureError,
    require_blocks,
    take_apart,
)
from keras_mixers.visualize.overlay import overlay_figure
from keras_mixers.visualize.scores import describe_classes

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def attention_weights(block: TransformerBlock, inputs: np.ndarray) -> np.ndarray:
    """Return how much each token of a block attends to each other, from the block's own weights.

    Args:
        block: A block that was built.
        inputs: What the block received, (B, N, C).

    Returns:
        The attention (B, heads, N, N), in which each row adds up to 1.

    >>> block = TransformerBlock(num_heads=2)
    >>> inputs = np.zeros((1, 3, 4), "float32")
    >>> _ = block(inputs)
    >>> attention_weights(block, inputs).shape
    (1, 2, 3, 3)
    """
    batch, tokens, channels = inputs.shape
    heads = block.num_heads
    qkv = ops.convert_to_numpy(block.qkv(block.attention_norm(ops.convert_to_tensor(inputs))))
    qkv = qkv.astype("float32").reshape(batch, tokens, 3, heads, channels // heads)
    query, key = (qkv[:, :, i].transpose(0, 2, 1, 3) for i in range(2))
    products = query @ key.swapaxes(-1, -2) * (channels // heads) ** -0.5
    weights = np.exp(products - products.max(axis=-1, keepdims=True))
    return weights / weights.sum(axis=-1, keepdims=True)


def roll_out(attentions: Sequence[np.ndarray]) -> np.ndarray:
    """Multiply the attention of all blocks, each averaged over heads and with its residual path.

    Args:
        attentions: (B, heads, N, N) of each block, the first block first.

    Returns:
        How much of each final token comes from each first one, (B, N, N).

    >>> one_way = np.array([[[[0.0, 1.0], [0.0, 1.0]]]])
    >>> roll_out([one_way, one_way]).tolist()
    [[[0.25, 0.75], [0.0, 1.0]]]
    """
    identity = np.eye(attentions[0].shape[-1])
    product = identity[None]
    for attention in attentions:
        product = (attention.mean(axis=1) + identity) / 2 @ product
    return product


def attention_rollout(model: keras.Model, images: np.ndarray) -> np.ndarray:
    """Return how much of what is classified comes from each patch, by attention rollout.

    It follows the attention of the `TransformerBlock`s back from the class token (of a distilled
    DeiT, too), or, where there is none, from all tokens on average. A T2T-ViT's attention before
    its tokens are complete isn't part of it.

    Args:
        model: A functional or sequential model with `TransformerBlock`s and a grid of patches.
        images: (B, H, W, C), pixels as the model takes them.

    Returns:
        Shares (B, rows, columns); what the class token keeps is missing to a sum of 1.

    Raises:
        NoPictureError: If the model has no such blocks, or the grid of patches is unknown.
        ValueError: If the model doesn't take these images.

    Reference: Abnar and Zuidema, https://arxiv.org/abs/2005.00928.

    >>> import keras_mixers
    >>> model = keras_mixers.ViT(8, 2, num_heads=2, input_shape=(32, 48, 3))
    >>> attention_rollout(model, np.zeros((1, 32, 48, 3))).shape
    (1, 2, 3)
    """
    return _rollout(take_apart(model), images)


def _rollout(network: Network, images: np.ndarray) -> np.ndarray:
    blocks = require_blocks(network, "attention", TransformerBlock)
    grid, tokens = blocks[0].grid, blocks[0].input.shape[1]
    if grid is None or tokens is None or tokens < grid[0] * grid[1]:
        raise NoPictureError(
            f"The attention of the model {network.name!r} can't be drawn: expected a PatchEmbed or "
            f"SoftSplit with at most {tokens} patches, received a grid of {grid}."
        )
    inputs = network.compute([block.input for block in blocks], images)
    rolled = roll_out(
        [attention_weights(block.layer, x) for block, x in zip(blocks, inputs, strict=True)]
    )
    patches = grid[0] * grid[1]
    has_class_token = tokens > patches
    classified = rolled[:, 0] if has_class_token else rolled.mean(axis=1)
    return classified[:, tokens - patches :].reshape(-1, *grid)


def attention_rollout_figure(
    model: keras.Model, image: np.ndarray, names: Sequence[str] | None = None
) -> Figure:
    """Draw an image with its top classes, and its attention rollout over it.

    Args:
        model: See `attention_rollout`.
        image: (H, W, C), pixels in [0, 255].
        names: Names of the classes.

    Raises:
        NoPictureError: See `attention_rollout`.
        ValueError: If the model doesn't take this image, or there is not one name per class.
        ImportError: If matplotlib is not installed.

    >>> import keras_mixers
    >>> model = keras_mixers.ViT(8, 2, num_heads=2, input_shape=(32, 48, 3), classes=2)
    >>> figure = attention_rollout_figure(model, np.zeros((32, 48, 3)), ["cat", "dog"])
    >>> figure.axes[1].get_title()
    'attention rollout'
    """
    network = take_apart(model)
    values = _rollout(network, np.asarray(image)[None])[0]
    titles = (describe_classes(network, image, names), "attention rollout")
    return overlay_figure(image, values, titles)
