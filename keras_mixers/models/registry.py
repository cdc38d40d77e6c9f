"""Published networks, built by name."""

from collections.abc import Callable
from pathlib import Path

import keras

from keras_mixers.layers.activations import Activation
from keras_mixers.models.catalogue import model_info
from keras_mixers.models.common import InputShape
from keras_mixers.models.conv_mixer import ConvMixer
from keras_mixers.models.mlp_mixer import MLPMixer
from keras_mixers.models.t2t_vit import T2TViT

_FAMILIES: dict[str, Callable[..., keras.Model]] = {
    "ConvMixer": ConvMixer,
    "MLPMixer": MLPMixer,
    "T2TViT": T2TViT,
}


def create_model(
    name: str,
    *,
    include_top: bool = True,
    include_preprocessing: bool = True,
    weights: str | Path | None = None,
    input_tensor: keras.KerasTensor | None = None,
    input_shape: InputShape | None = None,
    pooling: str | None = None,
    classes: int | None = None,
    classifier_activation: Activation | None = "softmax",
) -> keras.Model:
    """Build a published variant by name.

    For anything else, such as drop rates, call the family's function with
    `model_info(name).arguments` and what you add.

    Args:
        name: one of `list_models()`; the model's name too.
        include_top: whether to classify.
        include_preprocessing: whether the first layer normalises pixels in [0, 255].
        weights: file with a released checkpoint or a Keras `.weights.h5`; None: initial weights.
        input_tensor: a Keras tensor to use as the images.
        input_shape: (height, width, channels); None: the published one.
        pooling: None, "avg" or "max"; only without top.
        classes: number of classes; None: the published one.
        classifier_activation: of the scores; None returns logits.

    Raises:
        ValueError: if there is no such variant, or an argument is out of its range.

    >>> create_model("mixer_s32", classes=37).output.shape
    (None, 37)
    """
    variant = model_info(name)
    return _FAMILIES[variant.family](
        **variant.arguments,
        include_top=include_top,
        include_preprocessing=include_preprocessing,
        weights=weights,
        input_tensor=input_tensor,
        input_shape=variant.input_shape if input_shape is None else input_shape,
        pooling=pooling,
        classes=variant.classes if classes is None else classes,
        classifier_activation=classifier_activation,
        name=name,
    )
