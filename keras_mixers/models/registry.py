"""Builds published networks by name."""

from collections.abc import Callable, Sequence
from pathlib import Path

import keras

from keras_mixers.catalogue import resolve_variant
from keras_mixers.catalogue.source import Source
from keras_mixers.catalogue.sources import find_source, is_weights_name
from keras_mixers.catalogue.variant import Variant
from keras_mixers.layers.activations import Activation
from keras_mixers.models import common
from keras_mixers.models.conv_mixer import ConvMixer
from keras_mixers.models.gmlp import gMLP
from keras_mixers.models.mlp_mixer import MLPMixer
from keras_mixers.models.res_mlp import ResMLP
from keras_mixers.models.t2t_vit import T2TViT
from keras_mixers.models.vit import ViT
from keras_mixers.weights.hubs.address import is_hub_address
from keras_mixers.weights.hubs.fetch import HubWeights, fetch_weights
from keras_mixers.weights.resize import scale_factors

FAMILIES: dict[str, Callable[..., keras.Model]] = {
    "ConvMixer": ConvMixer,
    "MLPMixer": MLPMixer,
    "T2TViT": T2TViT,
    "ViT": ViT,
    "ResMLP": ResMLP,
    "gMLP": gMLP,
}


def create_model(
    name: str,
    *,
    include_top: bool = True,
    include_preprocessing: bool = True,
    weights: str | Path | None = None,
    input_tensor: keras.KerasTensor | None = None,
    input_shape: common.InputShape | None = None,
    pooling: str | None = None,
    classes: int | None = None,
    classifier_activation: Activation | None = "softmax",
) -> keras.Model:
    """Build a published variant by name.

    For other arguments, such as drop rates, call the family's function with
    `model_info(name).arguments` and your own.

    Args:
        name: Name of the variant, one of `list_models()`, and of the model.
        include_top: Whether to end in the classifier.
        include_preprocessing: Whether the first layer normalises pixels in [0, 255], with the
            mean and standard deviation of the weights, or else of the variant's publication.
        weights: Name of released weights, one of `model_info(name).weights`, such as "imagenet",
            or path of a released checkpoint or a Keras `.weights.h5` file, or a `.safetensors`
            file on a hub, such as "hf://timm/mixer_b16_224.goog_in21k_ft_in1k"; None keeps the
            initial weights.
        input_tensor: A Keras tensor to use as the images.
        input_shape: (height, width, channels), by default that of the weights. An MLP-Mixer takes
            weights at whole multiples of their image size, where its token MLPs become block
            diagonal.
        pooling: None, "avg" or "max"; used only without the top.
        classes: Number of classes, by default that of the weights. With any other number,
            the head keeps its initial weights.
        classifier_activation: Activation of the class scores; None returns logits.

    Raises:
        ValueError: If there is no such variant, or an argument is out of its range.
        DownloadError: An OSError, if weights can't be downloaded.

    >>> create_model("mixer_s32", classes=37).output.shape
    (None, 37)
    """
    variant = resolve_variant(name, weights)
    arguments = dict(variant.arguments)
    if input_shape is None:
        input_shape = variant.input_shape
    found: Source | HubWeights | None = None
    if is_hub_address(weights):
        found = fetch_weights(str(weights), variant.family, int(arguments["depth"]))
        classes = found.classes if classes is None else classes
    if include_preprocessing and not is_weights_name(weights):
        # Of a family's variants, some were published with other statistics than it has by default.
        images = common.image_input(input_tensor, input_shape)
        input_tensor = common.preprocess(images, variant.preprocessing, found)
        include_preprocessing = False
    if is_weights_name(weights):
        found = find_source(name, str(weights))
    if variant.family == "MLPMixer" and weights is not None:
        new_shape = input_shape if input_tensor is None else input_tensor.shape[1:]
        arguments["tokens_mlp_dim"] = _spread_tokens_mlp_dim(variant, new_shape)
    return FAMILIES[variant.family](
        **arguments,
        include_top=include_top,
        include_preprocessing=include_preprocessing,
        weights=found or weights,
        input_tensor=input_tensor,
        input_shape=input_shape,
        pooling=pooling,
        classes=variant.classes if classes is None else classes,
        classifier_activation=classifier_activation,
        name=name,
    )


def _spread_tokens_mlp_dim(variant: Variant, new_shape: Sequence[int | None]) -> int:
    """Return the width of token MLPs that treat each part of larger images as the variant's."""
    width, patch = int(variant.arguments["tokens_mlp_dim"]), int(variant.arguments["patch_size"])
    new_grid = [side // patch for side in new_shape[:2] if side is not None and side % patch == 0]
    if len(new_grid) < 2:
        return width  # MLPMixer raises an error that says what is wrong with the size.
    rows, columns = (side // patch for side in variant.input_shape[:2])
    down, across = scale_factors((rows, columns), (new_grid[0], new_grid[1]), patch)
    return width * down * across
