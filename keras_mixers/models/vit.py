"""ViT and DeiT: attention over hard patches."""

from pathlib import Path

import keras
import numpy as np

from keras_mixers.argument_checks import check_heads, check_integer, check_rate
from keras_mixers.catalogue.source import Source
from keras_mixers.catalogue.vit import PREPROCESSING
from keras_mixers.layers.activations import Activation
from keras_mixers.layers.class_token import ClassToken
from keras_mixers.layers.distilled_head import DistilledHead
from keras_mixers.layers.dtypes import at_least_float32
from keras_mixers.layers.initializers import fan_in_uniform, transformer_normal
from keras_mixers.layers.layer_norm import FLAX_EPSILON, LayerNorm
from keras_mixers.layers.learned_position import LearnedPosition
from keras_mixers.layers.patch_embed import PatchEmbed
from keras_mixers.layers.transformer_block import TransformerBlock
from keras_mixers.models import common
from keras_mixers.weights.by_name import find_named_weights


def ViT(
    hidden_dim: int,
    depth: int,
    num_heads: int,
    patch_size: int = 16,
    mlp_ratio: float = 4.0,
    class_token: bool = True,
    distilled: bool = False,
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
    """Build a ViT or DeiT: images (B, H, W, C) to class scores (B, classes).

    A patch embedding, a class token, a learned position table, `depth` transformer blocks, and a
    linear classifier that reads the normalised class token. Height and width must be multiples of
    the patch, and are fixed when the model is built, as the position table is.

    Args:
        hidden_dim: Channels of a token.
        depth: Number of transformer blocks.
        num_heads: Attention heads of a block; must divide `hidden_dim`.
        patch_size: Side of a patch, in pixels.
        mlp_ratio: Width of a block's MLP, as a multiple of `hidden_dim`.
        class_token: Whether there is a class token; otherwise the classifier reads the average
            of all tokens.
        distilled: Whether there is a distillation token too, with a classifier of its own, as in
            DeiT; the model returns the mean of both classifiers' logits.
        activation: `"gelu"`, `"gelu_tanh"` (as Google trained), a Keras activation's name, or a
            callable.
        drop_rate: Dropout rate after the position table and in the blocks, from 0 to below 1.
        drop_path_rate: Probability of dropping a sample's residual branch in the last block; it
            grows linearly from 0 in the first.
        include_top: Whether to classify; otherwise the model ends in the normalised
            tokens (B, N, hidden_dim), class tokens first, pooled over the others as `pooling` says.
        include_preprocessing: Whether the first layer normalises pixels in [0, 255];
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

    >>> ViT(64, 2, num_heads=2, patch_size=8, classes=10, input_shape=(32, 48, 3)).output.shape
    (None, 10)

    Reference: Dosovitskiy et al., https://arxiv.org/abs/2010.11929; Touvron et al.,
    https://arxiv.org/abs/2012.12877.
    """
    hidden_dim = check_integer("hidden_dim", hidden_dim)
    depth = check_integer("depth", depth)
    patch_size = check_integer("patch_size", patch_size)
    check_heads(check_integer("num_heads", num_heads), hidden_dim)
    if distilled and not class_token:
        raise ValueError("distilled=True needs a class token; received class_token=False.")
    arguments = {
        "hidden_dim": hidden_dim,
        "depth": depth,
        "num_heads": num_heads,
        "patch_size": patch_size,
        "mlp_ratio": mlp_ratio,
        "class_token": class_token,
        "distilled": distilled,
    }
    source = find_named_weights("ViT", arguments, activation, weights)
    images = common.image_input(input_tensor, input_shape)
    common.check_whole_patches("ViT", images, patch_size)
    x = common.preprocess(images, PREPROCESSING, source) if include_preprocessing else images
    x = _embed(x, hidden_dim, patch_size, class_token, distilled)
    x = keras.layers.Dropout(check_rate("drop_rate", drop_rate), name="position_dropout")(x)
    for i, drop_path in enumerate(
        np.linspace(0, check_rate("drop_path_rate", drop_path_rate), depth)
    ):
        x = TransformerBlock(
            num_heads,
            mlp_ratio,
            activation,
            drop_rate,
            float(drop_path),
            qkv_bias=True,
            epsilon=FLAX_EPSILON,
            name=f"block_{i}",
        )(x)
    x = LayerNorm(FLAX_EPSILON, name="norm")(x)
    class_tokens = class_token + distilled
    if include_top:
        x = _classify(x, class_tokens, classes, classifier_activation)
    elif pooling is not None:
        x = common.pool(_patch_tokens(x, class_tokens), pooling)
    return common.make_model(images, x, source or weights, name or "vit")


def _embed(
    x: keras.KerasTensor, hidden_dim: int, patch_size: int, class_token: bool, distilled: bool
) -> keras.KerasTensor:
    """Return the tokens (B, N, hidden_dim) with their positions, class tokens first."""
    fan_in = patch_size**2 * x.shape[-1]
    x = PatchEmbed(
        hidden_dim,
        patch_size,
        flatten=True,
        kernel_initializer=fan_in_uniform(fan_in),
        bias_initializer=fan_in_uniform(fan_in),
        name="patch_embed",
    )(x)
    if distilled:
        x = ClassToken(name="distillation_token")(x)
    if class_token:
        x = ClassToken(name="class_token")(x)
    return LearnedPosition(name="position")(x)


def _classify(
    x: keras.KerasTensor, class_tokens: int, classes: int, activation: Activation | None
) -> keras.KerasTensor:
    """Map tokens (B, N, C) to scores (B, classes), from the class tokens or else the average."""
    if not class_tokens:
        x = common.pool(x, "avg")
        return common.classify(x, classes, activation, transformer_normal())
    x = keras.layers.Cropping1D((0, x.shape[1] - class_tokens), name="class_token_output")(x)
    x = keras.layers.Flatten(name="flatten")(x)
    if class_tokens == 1:
        return common.classify(x, classes, activation, transformer_normal())
    head = DistilledHead(
        check_integer("classes", classes),
        transformer_normal(),
        dtype=at_least_float32(None),
        name="head",
    )
    return common.activate(head(x), activation)


def _patch_tokens(x: keras.KerasTensor, class_tokens: int) -> keras.KerasTensor:
    """Return the tokens without the class tokens."""
    if not class_tokens:
        return x
    return keras.layers.Cropping1D((class_tokens, 0), name="patch_tokens")(x)
