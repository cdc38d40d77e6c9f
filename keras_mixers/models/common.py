"""What the model functions share: input, preprocessing, classifier, and loading of weights."""

from collections.abc import Sequence
from pathlib import Path

import keras
import numpy as np

from keras_mixers.argument_checks import (
    check_channels_last,
    check_integer,
    check_rank,
    check_rate,
    nearest_multiples,
)
from keras_mixers.catalogue.preprocessing import Preprocessing
from keras_mixers.catalogue.source import Source
from keras_mixers.layers.activations import Activation, get_activation
from keras_mixers.layers.dtypes import at_least_float32
from keras_mixers.weights.by_name import load_named_weights
from keras_mixers.weights.hubs.fetch import HubWeights
from keras_mixers.weights.load import load_weights

InputShape = tuple[int | None, int | None, int]


def image_input(
    input_tensor: keras.KerasTensor | None, input_shape: Sequence[int | None]
) -> keras.KerasTensor:
    """Return the images (B, H, W, C): `input_tensor`, or a new input of `input_shape`.

    Raises:
        ValueError: If `input_shape` is not (height, width, channels) of positive integers, where
            height and width may be None, or `input_tensor` is not a Keras tensor of rank 4.
    """
    check_channels_last()
    if input_tensor is not None:
        if not keras.utils.is_keras_tensor(input_tensor):
            raise ValueError(
                "input_tensor must be a symbolic Keras tensor such as keras.Input(...); received "
                f"{type(input_tensor).__name__}."
            )
        check_rank("input_tensor", input_tensor.shape, "(B, H, W, C)")
        return input_tensor
    if len(input_shape) != 3 or input_shape[2] is None:
        raise ValueError(
            "input_shape must be (height, width, channels) with known channels; received "
            f"{tuple(input_shape)}."
        )
    for name, size in zip(("height", "width", "channels"), input_shape, strict=True):
        if size is not None:
            check_integer(f"The {name} of input_shape", size)
    return keras.Input(tuple(input_shape), name="images")


def known_size(family: str, images: keras.KerasTensor) -> tuple[int, int]:
    """Return the (height, width) of images.

    Raises:
        ValueError: If one of them is unknown.
    """
    height, width = images.shape[1:3]
    if height is None or width is None:
        raise ValueError(
            f"{family} has weights for one image size, so height and width must be known; received "
            f"input_shape={tuple(images.shape[1:])}. (Only ConvMixer takes images of any size.)"
        )
    return height, width


def check_whole_patches(family: str, images: keras.KerasTensor, patch_size: int) -> None:
    """Raise ValueError unless height and width of `images` are known multiples of the patch."""
    for name, size in zip(("height", "width"), known_size(family, images), strict=True):
        if size % patch_size:
            raise ValueError(
                f"{family} needs images of whole patches; received {name} {size} for "
                f"patch_size={patch_size}, use a {name} of {nearest_multiples(size, patch_size)}."
            )


def preprocess(
    images: keras.KerasTensor, default: Preprocessing, source: Source | HubWeights | None
) -> keras.KerasTensor:
    """Normalise pixels in [0, 255] with the statistics of `source`, or else `default`, in float32.

    With another number of channels than 3, all channels get the average of the three means and of
    the three standard deviations.
    """
    preprocessing = (None if source is None else source.preprocessing) or default
    mean, std = preprocessing.mean, preprocessing.std
    channels = images.shape[-1]
    if channels != 3:
        mean, std = ((sum(values) / 3,) * channels for values in (mean, std))
    # Not Normalization: its constants would become inputs of an exported ONNX file.
    return keras.layers.Rescaling(
        [1 / (255 * value) for value in std],
        [-average / value for average, value in zip(mean, std, strict=True)],
        dtype=at_least_float32(None),
        name="preprocessing",
    )(images)


def drop_path_rates(last: float, depth: int) -> list[float]:
    """Return a rate for each of `depth` blocks, which increases linearly from 0 to `last`.

    >>> drop_path_rates(0.5, 3)
    [0.0, 0.25, 0.5]
    """
    return np.linspace(0, check_rate("drop_path_rate", last), depth).tolist()


def pool(x: keras.KerasTensor, pooling: str) -> keras.KerasTensor:
    """Pool a map (B, H, W, C) or tokens (B, N, C) to (B, C), in float32 or wider."""
    layers = {
        ("avg", 3): keras.layers.GlobalAveragePooling1D,
        ("avg", 4): keras.layers.GlobalAveragePooling2D,
        ("max", 3): keras.layers.GlobalMaxPooling1D,
        ("max", 4): keras.layers.GlobalMaxPooling2D,
    }
    if (pooling, len(x.shape)) not in layers:
        raise ValueError(f"pooling must be None, 'avg' or 'max'; received {pooling!r}.")
    return layers[pooling, len(x.shape)](dtype=at_least_float32(None), name=f"{pooling}_pool")(x)


def classify(
    features: keras.KerasTensor,
    classes: int,
    activation: Activation | None,
    kernel_initializer: str | keras.initializers.Initializer,
    bias_initializer: str | keras.initializers.Initializer = "zeros",
) -> keras.KerasTensor:
    """Map features (B, C) to scores (B, classes), in float32 or wider."""
    head = keras.layers.Dense(
        check_integer("classes", classes),
        kernel_initializer=kernel_initializer,
        bias_initializer=bias_initializer,
        dtype=at_least_float32(None),
        name="head",
    )
    return activate(head(features), activation)


def activate(logits: keras.KerasTensor, activation: Activation | None) -> keras.KerasTensor:
    """Turn logits into what the model returns: themselves, or the scores of an activation."""
    if activation in (None, "linear"):
        return logits
    return keras.layers.Activation(
        get_activation(activation), dtype=at_least_float32(None), name="predictions"
    )(logits)


def make_model(
    images: keras.KerasTensor,
    outputs: keras.KerasTensor,
    weights: str | Path | Source | HubWeights | None,
    name: str,
) -> keras.Model:
    """Return the functional model from `images` to `outputs`, with `weights` loaded, if any.

    `weights` is a file, or what `find_named_weights` returned.

    Raises:
        ValueError: If the weights don't fit the model.
        FileNotFoundError: If there is no such file.
    """
    inputs = keras.utils.get_source_inputs(images)
    model = keras.Model(inputs[0] if len(inputs) == 1 else inputs, outputs, name=name)
    if isinstance(weights, str | Path):
        load_weights(model, weights)
    elif weights is not None:
        load_named_weights(model, weights)
    return model
