"""T2T-ViT: a vision transformer whose tokens first gather their neighbours."""

from pathlib import Path
from typing import Literal

import keras

from keras_mixers.argument_checks import check_heads, check_integer, check_rate
from keras_mixers.catalogue.source import Source
from keras_mixers.catalogue.t2t_vit import PREPROCESSING
from keras_mixers.layers.activations import Activation
from keras_mixers.layers.class_token import ClassToken
from keras_mixers.layers.initializers import transformer_normal
from keras_mixers.layers.layer_norm import TORCH_EPSILON, LayerNorm
from keras_mixers.layers.sinusoidal_position import SinusoidalPosition
from keras_mixers.layers.soft_split import SoftSplit
from keras_mixers.layers.token_performer import TokenPerformer
from keras_mixers.layers.token_transformer import TokenTransformer
from keras_mixers.layers.transformer_block import TransformerBlock
from keras_mixers.models import common
from keras_mixers.weights.by_name import find_named_weights

TOKEN_DIM = 64
# (kernel_size, stride, padding) of the three soft splits. The paper's S = [3, 1, 1] is the overlap.
SOFT_SPLITS = ((7, 4, 2), (3, 2, 1), (3, 2, 1))
HARD_SPLITS = ((4, 4, 0), (2, 2, 0), (2, 2, 0))
TOKEN_MIXERS = {"performer": TokenPerformer, "transformer": TokenTransformer}


def T2TViT(
    hidden_dim: int,
    depth: int,
    num_heads: int,
    mlp_ratio: float = 3.0,
    token_mixer: Literal["performer", "transformer"] = "performer",
    drop_rate: float = 0.0,
    drop_path_rate: float = 0.0,
    token_dim: int = TOKEN_DIM,
    overlap: bool = True,
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
    """Build a T2T-ViT: images (B, H, W, C) to class scores (B, classes).

    Three soft splits, with single-head attention after the first two, turn the image into tokens
    of overlapping patches. A class token and a fixed position table are added, `depth` transformer
    blocks follow, and a linear classifier reads the normalised class token. Height and width are
    fixed when the model is built; they must leave each soft split at least one patch.

    Args:
        hidden_dim: Number of channels of a token in the transformer blocks.
        depth: Number of transformer blocks.
        num_heads: Number of attention heads of a block; must divide `hidden_dim`.
        mlp_ratio: Width of a block's MLP, as a multiple of `hidden_dim`.
        token_mixer: Attention between the soft splits, "performer" (linear in the number of
            tokens; the authors' default) or "transformer".
        drop_rate: Dropout rate after the position table and in the blocks, in [0, 1).
        drop_path_rate: Probability of dropping a sample's residual branch in the last block; it
            increases linearly from 0 in the first block.
        token_dim: Number of channels between the soft splits.
        overlap: Whether the patches of a split overlap, as in the paper; otherwise each split is a
            hard one, with as many patches if height and width are multiples of 16.
        include_top: Whether to end in the classifier; otherwise the model ends in the normalised
            tokens (B, 1 + N, hidden_dim), the class token first; `pooling` pools the N others.
        include_preprocessing: Whether the first layer normalises pixels in [0, 255]; otherwise
            the first soft split receives the images unchanged.
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
        ValueError: If an argument is out of its range, the image is too small, or the weights
            don't fit.

    Example:

    >>> T2TViT(64, 2, num_heads=2, classes=10, input_shape=(64, 48, 3)).output.shape
    (None, 10)

    Reference: Yuan et al., https://arxiv.org/abs/2101.11986.
    """
    hidden_dim = check_integer("hidden_dim", hidden_dim)
    depth = check_integer("depth", depth)
    check_heads(check_integer("num_heads", num_heads), hidden_dim)
    arguments = {
        "hidden_dim": hidden_dim,
        "depth": depth,
        "num_heads": num_heads,
        "mlp_ratio": mlp_ratio,
        "token_mixer": token_mixer,
    }
    if token_dim != TOKEN_DIM or not overlap:  # No published variant has these.
        arguments |= {"token_dim": token_dim, "overlap": overlap}
    source = find_named_weights("T2TViT", arguments, "gelu", weights)
    images = common.image_input(input_tensor, input_shape)
    size = common.known_size("T2TViT", images)
    x = common.preprocess(images, PREPROCESSING, source) if include_preprocessing else images
    x = _tokens_to_token(x, size, token_mixer, token_dim, SOFT_SPLITS if overlap else HARD_SPLITS)
    x = keras.layers.Dense(hidden_dim, kernel_initializer=transformer_normal(), name="patch_embed")(
        x
    )
    x = ClassToken(name="class_token")(x)
    x = SinusoidalPosition(name="position")(x)
    x = keras.layers.Dropout(check_rate("drop_rate", drop_rate), name="position_dropout")(x)
    for i, rate in enumerate(common.drop_path_rates(drop_path_rate, depth)):
        x = TransformerBlock(
            num_heads,
            mlp_ratio,
            drop_rate=drop_rate,
            drop_path_rate=rate,
            name=f"block_{i}",
        )(x)
    x = LayerNorm(TORCH_EPSILON, name="norm")(x)
    if include_top:
        x = keras.layers.Cropping1D((0, x.shape[1] - 1), name="class_token_output")(x)
        x = keras.layers.Flatten(name="flatten")(x)
        x = common.classify(
            x, classes, classifier_activation, kernel_initializer=transformer_normal()
        )
    elif pooling is not None:
        x = common.pool(keras.layers.Cropping1D((1, 0), name="patch_tokens")(x), pooling)
    return common.make_model(images, x, source or weights, name or "t2t_vit")


def _tokens_to_token(
    x: keras.KerasTensor,
    size: tuple[int, int],
    token_mixer: str,
    token_dim: int,
    splits: tuple[tuple[int, int, int], ...],
) -> keras.KerasTensor:
    """Return the tokens (B, N, kernel_size**2 * token_dim) of the third split."""
    if token_mixer not in TOKEN_MIXERS:
        raise ValueError(
            f"token_mixer must be 'performer' or 'transformer'; received {token_mixer!r}."
        )
    for i, (kernel_size, stride, padding) in enumerate(splits):
        if i > 0:
            x = TOKEN_MIXERS[token_mixer](token_dim, name=f"token_mixer_{i - 1}")(x)
            x = keras.layers.Reshape((*size, token_dim), name=f"map_{i - 1}")(x)
        split = SoftSplit(kernel_size, stride, padding, name=f"soft_split_{i}")
        x = split(x)
        size = split.grid(*size)
    return x
