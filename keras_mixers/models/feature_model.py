"""Models that return named intermediate outputs as feature maps."""

import difflib
from collections.abc import Sequence

import keras

from keras_mixers.layers.patch_grid import patch_grid


def feature_model(model: keras.Model, layer_names: Sequence[str]) -> keras.Model:
    """Return a model that returns intermediate feature maps, for segmentation or detection heads.

    It shares its weights with `model`. Tokens are returned as the map (B, rows, columns, C) of
    their patches, without the class token; maps are returned unchanged.

    Args:
        model: Built by `ConvMixer`, `MLPMixer`, `T2TViT` or `create_model`.
        layer_names: Names of layers, such as `["block_3", "block_7"]`; `model.layers` has them all.

    Returns:
        A model with the inputs of `model` and a dict of outputs by layer name.

    Raises:
        ValueError: If there is no such layer, or its output is neither a map nor the tokens of one.

    >>> import keras_mixers
    >>> model = keras_mixers.MLPMixer(64, 4, patch_size=8, input_shape=(32, 48, 3))
    >>> feature_model(model, ["block_1", "block_3"]).output["block_3"].shape
    (None, 4, 6, 64)
    """
    if isinstance(layer_names, str) or not layer_names:
        raise ValueError(
            f"layer_names must be a list of names such as ['block_3']; received {layer_names!r}."
        )
    known = [layer.name for layer in model.layers]
    for name in layer_names:
        if name not in known:
            near = difflib.get_close_matches(name, known, n=3) or known[-3:]
            raise ValueError(
                f"The model {model.name!r} has no layer {name!r}; did you mean {', '.join(near)}?"
            )
    outputs = {name: _output_map(model, model.get_layer(name)) for name in layer_names}
    return keras.Model(model.inputs, outputs, name=f"{model.name}_features")


def _output_map(model: keras.Model, layer: keras.layers.Layer) -> keras.KerasTensor:
    """Return the output of `layer` as a map (B, rows, columns, C)."""
    x = layer.output
    if len(x.shape) == 4:
        return x
    grid = patch_grid(model.layers[: model.layers.index(layer) + 1])
    if len(x.shape) != 3 or grid is None:
        raise ValueError(
            f"The output of {layer.name!r}, of shape {x.shape}, is neither a map (B, H, W, C) nor "
            "the tokens of one; choose another layer."
        )
    rows, columns = grid
    class_tokens = x.shape[1] - rows * columns
    if class_tokens:
        x = keras.layers.Cropping1D((class_tokens, 0), name=f"{layer.name}_patch_tokens")(x)
    return keras.layers.Reshape((rows, columns, x.shape[-1]), name=f"{layer.name}_map")(x)
