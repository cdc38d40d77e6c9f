"""Models that end in the logits, probabilities or features of a model, and share its weights."""

from typing import Literal

import keras

from keras_mixers.argument_checks import check_integer

Output = Literal["probabilities", "logits"]


def without_softmax(model: keras.Model) -> keras.Model:
    """Return a model that ends in the logits (B, classes) of `model`.

    >>> import keras_mixers
    >>> model = keras_mixers.MLPMixer(8, 1, input_shape=(32, 32, 3), classes=5)
    >>> [network.layers[-1].name for network in (model, without_softmax(model))]
    ['predictions', 'head']
    """
    if not _has_layer(model, "predictions"):
        return model
    return keras.Model(model.input, model.get_layer("head").output, name=model.name)


def features_of(model: keras.Model) -> keras.Model:
    """Return a model that ends in the features (B, features) that the head of `model` receives.

    A model without a head is returned unchanged.

    >>> import keras_mixers
    >>> model = keras_mixers.MLPMixer(8, 1, input_shape=(32, 32, 3), classes=5)
    >>> features_of(model).output.shape
    (None, 8)
    """
    if not is_classifier(model):
        return model
    return keras.Model(model.input, model.get_layer("head").input, name=model.name)


def is_classifier(model: keras.Model) -> bool:
    """Tell whether a model has the head that the model functions build.

    >>> import keras_mixers
    >>> is_classifier(keras_mixers.ConvMixer(8, 1, include_top=False))
    False
    """
    return _has_layer(model, "head")


def reset_head(model: keras.Model, classes: int) -> keras.Model:
    """Return a classifier with a new head for other classes, which shares all other weights.

    The head is initialised as in a new model, for transfer to other data. To leave it out, build
    the model with `include_top=False`.

    Args:
        model: Built by `ConvMixer`, `MLPMixer`, `T2TViT` or `create_model`, with its top.
        classes: Number of classes.

    Raises:
        ValueError: If the model has no head, or `classes` is not at least 1.

    >>> import keras_mixers
    >>> model = keras_mixers.MLPMixer(8, 1, input_shape=(32, 32, 3), classes=5)
    >>> tuned = reset_head(model, 3)
    >>> tuned.output.shape, tuned.get_layer("block_0") is model.get_layer("block_0")
    ((None, 3), True)
    """
    if not is_classifier(model):
        raise ValueError(f"The model {model.name!r} has no layer 'head' to be reset.")
    check_integer("classes", classes)
    old = model.get_layer("head")
    outputs = type(old).from_config({**old.get_config(), "units": classes})(old.input)
    if _has_layer(model, "predictions"):
        last = model.get_layer("predictions")
        outputs = type(last).from_config(last.get_config())(outputs)
    return keras.Model(model.input, outputs, name=model.name)


def to_probabilities(model: keras.Model, logits: keras.KerasTensor) -> keras.KerasTensor:
    """Apply the final activation of `model` to logits, or softmax if it ends in logits."""
    if _has_layer(model, "predictions"):
        return model.get_layer("predictions")(logits)
    return keras.ops.softmax(logits)


def with_output(model: keras.Model, output: Output) -> keras.Model:
    """Return a model that ends in the logits of `model`, or in `to_probabilities` of them.

    >>> import keras_mixers
    >>> model = keras_mixers.MLPMixer(8, 1, input_shape=(32, 32, 3), classes=5)
    >>> [with_output(model, kind).layers[-1].name for kind in ("logits", "probabilities")]
    ['head', 'predictions']
    """
    logits = without_softmax(model)
    if output == "logits":
        return logits
    return keras.Model(model.input, to_probabilities(model, logits.output), name=model.name)


def with_probabilities(network: keras.Model, loss: Literal["softmax", "sigmoid"]) -> keras.Model:
    """Return a model that turns the logits of a network into probabilities and shares its weights.

    The last layer is named `predictions`, as in keras_mixers' own classifiers.

    Args:
        network: A network from images to logits (B, classes).
        loss: Loss that it was trained with.
    """
    outputs = keras.layers.Activation(loss, dtype="float32", name="predictions")(network.output)
    return keras.Model(network.input, outputs, name=network.name)


def _has_layer(model: keras.Model, name: str) -> bool:
    return any(layer.name == name for layer in model.layers)
