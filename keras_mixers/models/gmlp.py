"""gMLP: MLPs over channels, gated by what other tokens hold."""

from pathlib import Path

import keras
import numpy as np

from keras_mixers.argument_checks import check_integer, check_rate
from keras_mixers.catalogue.gmlp import PREPROCESSING
from keras_mixers.catalogue.source import Source
from keras_mixers.layers.activations import Activation
from keras_mixers.layers.gmlp_block import GMLPBlock
from keras_mixers.layers.layer_norm import FLAX_EPSILON, LayerNorm
from keras_mixers.layers.patch_embed import PatchEmbed
from keras_mixers.models import common
from keras_mixers.weights.by_name import find_named_weights


def gMLP(
    hidden_dim: int,
    depth: int,
    patch_size: int = 16,
    channels_mlp_dim: int | None = None,
    activation: Activation = "gelu",
    drop_rate: float = 0.0,
    drop_path_rate: float = 0.0,
    *,
    include_top: bool = True,
    include_preprocessing: bool = True,
    weights: str | Path | Source | None = None,
    input_tensor: keras.KerasTensor | None = None,
    input_shape: common.InputShape = (224, 224, 3),
    pooling: str | None = None,
    classes: int = 1000,
    classifier_activation: Activation | None = "softmax",
    name: str | None = None,
) -> keras.Model:
    """Build a gMLP: images (B, H, W, C) to class scores (B, classes).

    A patch embedding, `depth` blocks of an MLP over channels with a spatial gating unit inside, a
    layer normalisation, the average over all tokens, and a linear classifier. The gates have
    weights for one number of tokens: height and width must be multiples of the patch, and are
    fixed when the model is built.

    Args:
        hidden_dim: Channels of a token.
        depth: Number of blocks.
        patch_size: Side of a patch, in pixels.
        channels_mlp_dim: Width of the blocks, even; None for `6 * hidden_dim`.
        activation: `"gelu"`, `"gelu_tanh"`, a Keras activation's name, or a callable.
        drop_rate: Dropout rate in the blocks, from 0 to below 1.
        drop_path_rate: Probability of dropping a sample's residual branch in the last block; it
            grows linearly from 0 in the first.
        include_top: Whether to classify; otherwise the model ends in the normalised
            tokens (B, N, hidden_dim), pooled as `pooling` says.
        include_preprocessing: Whether the first layer maps pixels in [0, 255] to [-1, 1];
            otherwise images go to the patch embedding as they are.
        weights: Name of released weights of this network, such as "imagenet"; or a file with a
            released checkpoint or a Keras `.weights.h5`, or "hf://user/name" for one on a hub; None
            for initial weights.
        input_tensor: A Keras tensor to use as the images.
        input_shape: (height, width, channels); ignored if there is an `input_tensor`.
        pooling: None, "avg" or "max"; only without top.
        classes: Number of classes; only with top.
        classifier_activation: Activation of the scores; None returns logits.
        name: Name of the model.

    Raises:
        ValueError: If an argument is out of its range, the image is no multiple of the patch, or
            the weights don't fit.

    Example:

    >>> gMLP(64, 2, patch_size=8, classes=10, input_shape=(32, 48, 3)).output.shape
    (None, 10)

    Reference: Liu et al., https://arxiv.org/abs/2105.08050.
    """
    hidden_dim = check_integer("hidden_dim", hidden_dim)
    depth = check_integer("depth", depth)
    patch_size = check_integer("patch_size", patch_size)
    arguments = {"hidden_dim": hidden_dim, "depth": depth, "patch_size": patch_size}
    source = find_named_weights("gMLP", arguments, activation, weights)
    images = common.image_input(input_tensor, input_shape)
    common.check_whole_patches("gMLP", images, patch_size)
    x = common.preprocess(images, PREPROCESSING, source) if include_preprocessing else images
    x = PatchEmbed(hidden_dim, patch_size, flatten=True, name="patch_embed")(x)
    for i, drop_path in enumerate(
        np.linspace(0, check_rate("drop_path_rate", drop_path_rate), depth)
    ):
        x = GMLPBlock(
            6 * hidden_dim if channels_mlp_dim is None else channels_mlp_dim,
            activation,
            drop_rate,
            float(drop_path),
            name=f"block_{i}",
        )(x)
    x = LayerNorm(FLAX_EPSILON, name="norm")(x)
    if include_top:
        x = common.pool(x, "avg")
        x = common.classify(x, classes, classifier_activation, kernel_initializer="zeros")
    elif pooling is not None:
        x = common.pool(x, pooling)
    return common.make_model(images, x, source or weights, name or "gmlp")
