"""MLP-Mixer: a network of patches and nothing but multi-layer perceptrons."""

from pathlib import Path

import keras

from keras_mixers.argument_checks import check_integer
from keras_mixers.catalogue.mlp_mixer import PREPROCESSING
from keras_mixers.catalogue.source import Source
from keras_mixers.layers.activations import Activation
from keras_mixers.layers.layer_norm import FLAX_EPSILON, LayerNorm
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
    weights: str | Path | Source | None = None,
    input_tensor: keras.KerasTensor | None = None,
    input_shape: common.InputShape = (224, 224, 3),
    pooling: str | None = None,
    classes: int = 1000,
    classifier_activation: Activation | None = "softmax",
    name: str | None = None,
) -> keras.Model:
    """Build an MLP-Mixer: images (B, H, W, C) to class scores (B, classes).

    The network is a patch embedding, `depth` blocks of an MLP over tokens and an MLP over channels,
    a layer normalisation, an average over all tokens, and a linear classifier. The weights of the
    token MLPs depend on the number of tokens, so height and width are fixed when the model is
    built; they must be multiples of `patch_size`.

    Args:
        hidden_dim: Number of channels of a token.
        depth: Number of blocks.
        patch_size: Side of a patch, in pixels.
        tokens_mlp_dim: Width of the MLPs over tokens, by default `hidden_dim // 2`.
        channels_mlp_dim: Width of the MLPs over channels, by default `4 * hidden_dim`.
        activation: `"gelu"`, `"gelu_tanh"` (as Google trained), a Keras activation's name, or a
            callable.
        drop_rate: Dropout rate in the MLPs, in [0, 1).
        drop_path_rate: Probability of dropping a sample's residual branch in the last block; it
            increases linearly from 0 in the first block.
        include_top: Whether to end in the classifier; otherwise the model ends in the normalised
            tokens (B, N, hidden_dim), pooled as `pooling` says.
        include_preprocessing: Whether the first layer maps pixels in [0, 255] to [-1, 1];
            otherwise the patch embedding receives the images unchanged.
        weights: Name of released weights of this network, such as "imagenet", or path of a
            released checkpoint or a Keras `.weights.h5` file, or address of a file on a hub, such
            as "hf://user/name"; None keeps the initial weights.
        input_tensor: A Keras tensor to use as the images.
        input_shape: (height, width, channels); ignored if there is an `input_tensor`.
        pooling: None, "avg" or "max"; used only without the top.
        classes: Number of classes; used only with the top.
        classifier_activation: Activation of the class scores; None returns logits.
        name: Name of the model.

    Raises:
        ValueError: If an argument is out of its range, the image size is not a multiple of the
            patch size, or the weights don't fit.

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
    common.check_whole_patches("MLPMixer", images, patch_size)
    x = common.preprocess(images, PREPROCESSING, source) if include_preprocessing else images
    x = PatchEmbed(hidden_dim, patch_size, flatten=True, name="patch_embed")(x)
    for i, rate in enumerate(common.drop_path_rates(drop_path_rate, depth)):
        x = MixerBlock(
            hidden_dim // 2 if tokens_mlp_dim is None else tokens_mlp_dim,
            4 * hidden_dim if channels_mlp_dim is None else channels_mlp_dim,
            activation,
            drop_rate,
            rate,
            name=f"block_{i}",
        )(x)
    x = LayerNorm(FLAX_EPSILON, name="norm")(x)
    if include_top:
        x = common.pool(x, "avg")
        x = common.classify(x, classes, classifier_activation, kernel_initializer="zeros")
    elif pooling is not None:
        x = common.pool(x, pooling)
    return common.make_model(images, x, source or weights, name or "mlp_mixer")
