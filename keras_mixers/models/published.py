"""Which published variant a model is, and how images were preprocessed in its evaluation."""

import keras
import numpy as np

from keras_mixers.catalogue import list_models, model_info
from keras_mixers.catalogue.preprocessing import Preprocessing
from keras_mixers.catalogue.variant import Variant
from keras_mixers.layers import (
    ConvMixerBlock,
    GMLPBlock,
    LearnedPosition,
    MixerBlock,
    ResMLPBlock,
    TransformerBlock,
)

# Blocks that a model's depth counts, with the function that builds models of them.
FAMILY_OF_BLOCK: dict[type[keras.layers.Layer], str] = {
    ConvMixerBlock: "ConvMixer",
    MixerBlock: "MLPMixer",
    TransformerBlock: "T2TViT",
    ResMLPBlock: "ResMLP",
    GMLPBlock: "gMLP",
}


def published_preprocessing(model: keras.Model) -> Preprocessing | None:
    """Return the preprocessing of the published weights with a model's name and normalisation.

    Where larger images were cut otherwise, the model's own size decides.

    Returns:
        The preprocessing, or None if there are no such weights or they were evaluated differently.

    >>> import keras_mixers
    >>> model = keras_mixers.ConvMixer(8, 1, name="convmixer_768_32")
    >>> published_preprocessing(model).crop
    0.96
    """
    variant = published_variant(model)
    if variant is None:
        return None
    published = {(variant.input_shape[0], variant.preprocessing)}
    published |= {(source.image_size, source.preprocessing) for source in variant.weights}
    normalisation = read_normalisation(model)
    fitting = {(side, how) for side, how in published if (how.mean, how.std) == normalisation}
    found = {how for _, how in fitting}
    if len(found) > 1:
        found = {how for side, how in fitting if side == model.inputs[0].shape[1]}
    return found.pop() if len(found) == 1 else None


def published_variant(model: keras.Model) -> Variant | None:
    """Return the published variant with a model's name, if the model belongs to its family."""
    if model.name not in list_models():
        return None
    variant = model_info(model.name)
    return variant if variant.family == model_family(model) else None


def model_family(model: keras.Model) -> str | None:
    """Return the name of a family's function, or None if a model has no blocks of any."""
    blocks = family_blocks(model)
    if not blocks:
        return None
    # ViT and T2T-ViT share their blocks, but only ViT learns its positions.
    is_vit = any(isinstance(layer, LearnedPosition) for layer in model.layers)
    return "ViT" if is_vit else FAMILY_OF_BLOCK[type(blocks[0])]


def family_blocks(model: keras.Model) -> list[keras.layers.Layer]:
    """Return the blocks that a model's depth counts, such as its `MixerBlock`s."""
    return [layer for layer in model.layers if type(layer) in FAMILY_OF_BLOCK]


def read_normalisation(
    model: keras.Model,
) -> tuple[tuple[float, ...] | None, tuple[float, ...] | None]:
    """Return the mean and std, for pixels in [0, 1], that the layer `preprocessing` applies.

    Returns:
        One number per channel each, or None and None if they are unknown.

    >>> import keras_mixers
    >>> read_normalisation(keras_mixers.MLPMixer(8, 1))
    ((0.5, 0.5, 0.5), (0.5, 0.5, 0.5))
    """
    layers = [layer for layer in model.layers if layer.name == "preprocessing"]
    if not (layers and isinstance(layers[0], keras.layers.Rescaling)):
        return None, None
    channels = model.inputs[0].shape[-1]
    # It computes scale * pixels + offset = (pixels / 255 - mean) / std.
    scale = np.broadcast_to(np.asarray(layers[0].scale, "float64"), channels)
    offset = np.broadcast_to(np.asarray(layers[0].offset, "float64"), channels)
    std = 1 / (255 * scale)
    # Digits after the sixth are rounding errors: published values have four. Adding 0 turns -0
    # into 0.
    mean = np.round(-offset * std, 6) + 0.0
    return tuple(mean.tolist()), tuple(np.round(std, 6).tolist())
