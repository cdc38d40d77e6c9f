"""ConvMixer: a network of patches and nothing but convolutions."""

from pathlib import Path

import keras

from keras_mixers.argument_checks import check_integer
from keras_mixers.catalogue.conv_mixer import PREPROCESSING
from keras_mixers.catalogue.source import Source
from keras_mixers.catalogue.variant import Argument
from keras_mixers.layers.activations import Activation, get_activation
from keras_mixers.layers.conv_mixer_block import ConvMixerBlock
from keras_mixers.layers.initializers import fan_in_uniform
from keras_mixers.layers.normalization import Normalization, make_normalization
from keras_mixers.layers.patch_embed import PatchEmbed
from keras_mixers.models import common
from keras_mixers.weights.by_name import find_named_weights


def ConvMixer(
    hidden_dim: int,
    depth: int,
    patch_size: int = 7,
    kernel_size: int = 9,
    activation: Activation = "gelu",
    residual: bool = True,
    normalization: Normalization = "batch",
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
    """Build a ConvMixer: images (B, H, W, C) to class scores (B, classes).

    The network is a patch embedding, `depth` blocks of a depthwise and a pointwise convolution, an
    average over all positions, and a linear classifier. It takes images of any size from one patch
    up, even if the size is unknown when it is built (`input_shape=(None, None, 3)`). Rows and
    columns that don't fill a whole patch are dropped.

    Args:
        hidden_dim: Number of channels of all layers.
        depth: Number of blocks.
        patch_size: Side of a patch, in pixels.
        kernel_size: Side of the depthwise kernels, in patches.
        activation: `"gelu"`, `"gelu_tanh"`, a Keras activation's name, or a callable.
        residual: Whether blocks have their residual connection.
        normalization: `"batch"`, as in the paper, or `"layer"`: of each position.
        include_top: Whether to end in the classifier; otherwise the model ends in the feature map
            (B, H // patch_size, W // patch_size, hidden_dim), pooled as `pooling` says.
        include_preprocessing: Whether the first layer normalises pixels in [0, 255]; otherwise
            the patch embedding receives the images unchanged.
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
        ValueError: If an argument is out of its range, or the weights don't fit.

    Example:

    >>> ConvMixer(256, 8, patch_size=2, kernel_size=5, classes=10, input_shape=(32, 32, 3)).output
    <KerasTensor shape=(None, 10), dtype=float32, sparse=False, ragged=False, name=...>

    Reference: Trockman and Kolter, "Patches Are All You Need?", https://arxiv.org/abs/2201.09792.
    """
    depth = check_integer("depth", depth)
    patch_size = check_integer("patch_size", patch_size)
    arguments: dict[str, Argument] = {
        "hidden_dim": hidden_dim,
        "depth": depth,
        "patch_size": patch_size,
        "kernel_size": kernel_size,
    }
    if not residual or normalization != "batch":  # No published variant has these.
        arguments |= {"residual": residual, "normalization": normalization}
    source = find_named_weights("ConvMixer", arguments, activation, weights)
    images = common.image_input(input_tensor, input_shape)
    x = common.preprocess(images, PREPROCESSING, source) if include_preprocessing else images
    fan_in = patch_size**2 * images.shape[-1]
    x = PatchEmbed(
        hidden_dim,
        patch_size,
        kernel_initializer=fan_in_uniform(fan_in),
        bias_initializer=fan_in_uniform(fan_in),
        name="patch_embed",
    )(x)
    x = keras.layers.Activation(get_activation(activation), name="patch_activation")(x)
    x = make_normalization(normalization, "patch_norm")(x)
    for i in range(depth):
        x = ConvMixerBlock(kernel_size, activation, residual, normalization, name=f"block_{i}")(x)
    if include_top:
        x = common.pool(x, "avg")
        x = common.classify(
            x,
            classes,
            classifier_activation,
            kernel_initializer=fan_in_uniform(hidden_dim),
            bias_initializer=fan_in_uniform(hidden_dim),
        )
    elif pooling is not None:
        x = common.pool(x, pooling)
    return common.make_model(
        images, x, source or weights, name or f"convmixer_{hidden_dim}_{depth}"
    )
