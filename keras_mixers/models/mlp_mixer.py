"""MLP-Mixer: patches, and nothing but multi-layer perceptrons."""

from pathlib import Path

import keras
import numpy as np

from keras_mixers.argument_checks import check_integer, check_rate
from keras_mixers.catalogue.mlp_mixer import PREPROCESSING
from keras_mixers.layers.activations import Activation
from keras_mixers.layers.layer_norm import MIXER_EPSILON, LayerNorm
from keras_mixers.layers.mixer_block import MixerBlock
from keras_mixers.layers.patch_embed import PatchEmbed
from keras_mixers.models import common
from keras_mixers.weights.by_name import find_named_weights


def MLPMixer(
    hidden_dim: int,
    depth: int,
    patch_size: int = 16,
    tokens_mlp_dim: int | None = None,
    channels_mlp_dim: int | None = None,
    activation: Activation = "gelu",
    drop_rate: float = 0.0,
    drop_path_rate: float = 0.0,
    *,
    include_top: bool = True,
    include_preprocessing: bool = True,
    weights: str | Path | None = None,
    input_tensor: keras.KerasTensor | None = None,
    input_shape: common.InputShape = (224, 224, 3),
    pooling: str | None = None,
    classes: int = 1000,
    classifier_activation: Activation | None = "softmax",
    name: str | None = None,
) -> keras.Model:
    """Build an MLP-Mixer: images (B, H, W, C) to class scores (B, classes).

    A patch embedding, `depth` blocks of an MLP over tokens and an MLP over channels, a layer
    normalisation, the average over all tokens, and a linear classifier. The token MLPs have
    weights for one number of tokens: height and width must be multiples of the patch, and are
    fixed when the model is built.

    Args:
        hidden_dim: channels of a token.
        depth: number of blocks.
        patch_size: side of a patch, in pixels.
        tokens_mlp_dim: width of the MLPs over tokens; None: `hidden_dim // 2`.
        channels_mlp_dim: width of the MLPs over channels; None: `4 * hidden_dim`.
        activation: `"gelu"`, `"gelu_tanh"` (as Google trained), a Keras activation's name, or a
            callable.
        drop_rate: dropout in the MLPs, from 0 to below 1.
        drop_path_rate: probability of dropping a sample's residual branch in the last block; it
            grows linearly from 0 in the first.
        include_top: whether to classify; otherwise the model ends in the normalised tokens
            (B, N, hidden_dim), pooled as `pooling` says.
        include_preprocessing: whether the first layer maps pixels in [0, 255] to [-1, 1];
            otherwise images go to the patch embedding as they are.
        weights: name of released weights of this network, such as "imagenet"; or file with a
            released checkpoint or a Keras `.weights.h5`; None: initial weights.
        input_tensor: a Keras tensor to use as the images.
        input_shape: (height, width, channels); ignored if there is an `input_tensor`.
        pooling: None, "avg" or "max"; only without top.
        classes: number of classes; only with top.
        classifier_activation: of the scores; None returns logits.
        name: of the model.

    Raises:
        ValueError: if an argument is out of its range, the image is no multiple of the patch, or
            the weights don't fit.

    Example:

    >>> MLPMixer(64, 2, patch_size=8, classes=10, input_shape=(32, 48, 3)).output.shape
    (None, 10)

    Reference: Tolstikhin et al., https://arxiv.org/abs/2105.01601.
    """
    hidden_dim = check_integer("hidden_dim", hidden_dim)
    depth = check_integer("depth", depth)
    patch_size = check_integer("patch_size", patch_size)
    arguments = {"hidden_dim": hidden_dim, "depth": depth, "patch_size": patch_size}
    source = find_named_weights("MLPMixer", arguments, activation, weights)
    images = common.image_input(input_tensor, input_shape)
    _check_multiple(*common.fixed_size("MLPMixer", images), patch_size)
    x = common.preprocess(images, PREPROCESSING, source) if include_preprocessing else images
    x = PatchEmbed(hidden_dim, patch_size, flatten=True, name="patch_embed")(x)
    for i, drop_path in enumerate(
        np.linspace(0, check_rate("drop_path_rate", drop_path_rate), depth)
    ):
        x = MixerBlock(
            hidden_dim // 2 if tokens_mlp_dim is None else tokens_mlp_dim,
            4 * hidden_dim if channels_mlp_dim is None else channels_mlp_dim,
            activation,
            drop_rate,
            float(drop_path),
            name=f"block_{i}",
        )(x)
    x = LayerNorm(MIXER_EPSILON, name="norm")(x)
    if include_top:
        x = common.pool(x, "avg")
        x = common.classify(x, classes, classifier_activation, kernel_initializer="zeros")
    elif pooling is not None:
        x = common.pool(x, pooling)
    return common.make_model(images, x, source or weights, name or "mlp_mixer")


def _check_multiple(height: int, width: int, patch_size: int) -> None:
    for name, size in (("height", height), ("width", width)):
        if size % patch_size:
            below, above = (size // patch_size * patch_size + step for step in (0, patch_size))
            fitting = f"{below} or {above}" if below else f"{above}"
            raise ValueError(
                f"MLPMixer needs an image of whole patches; received {name} {size} for "
                f"patch_size={patch_size}, use a {name} of {fitting}."
            )
