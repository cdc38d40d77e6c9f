"""The parts of a model that exports hand out: logits and features, of the same weights."""

from typing import Literal

import keras

Output = Literal["probabilities", "logits"]


def without_softmax(model: keras.Model) -> keras.Model:
    """Return the model that ends in `model`'s logits (B, classes).

    >>> import keras_mixers
    >>> model = keras_mixers.MLPMixer(8, 1, input_shape=(32, 32, 3), classes=5)
    >>> [network.layers[-1].name for network in (model, without_softmax(model))]
    ['predictions', 'head']
    """
    if not _has_layer(model, "predictions"):
        return model
    return keras.Model(model.input, model.get_layer("head").output, name=model.name)


def features_of(model: keras.Model) -> keras.Model:
    """Return the model that ends in what `model`'s head sees (B, features).

    A model without top is returned as it is.

    >>> import keras_mixers
    >>> model = keras_mixers.MLPMixer(8, 1, input_shape=(32, 32, 3), classes=5)
    >>> features_of(model).output.shape
    (None, 8)
    """
    if not is_classifier(model):
        return model
    return keras.Model(model.input, model.get_layer("head").input, name=model.name)


def is_classifier(model: keras.Model) -> bool:
    """Tell whether a model has a head, as the model functions build it.

    >>> import keras_mixers
    >>> is_classifier(keras_mixers.ConvMixer(8, 1, include_top=False))
    False
    """
    return _has_layer(model, "head")


def to_probabilities(model: keras.Model, logits: keras.KerasTensor) -> keras.KerasTensor:
    """Turn logits into what the classifier `model` was built to return, or softmax of them."""
    if _has_layer(model, "predictions"):
        return model.get_layer("predictions")(logits)
    return keras.ops.softmax(logits)


def with_output(model: keras.Model, output: Output) -> keras.Model:
    """Return a classifier that ends in its logits or in what `to_probabilities` makes of them.

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
    """Return a model of a network's logits as probabilities; it shares the network's weights.

    The last layer is named `predictions`, as in keras_mixers' own classifiers.

    Args:
        network: images to logits (B, classes).
        loss: that it was trained with.
    """
    outputs = keras.layers.Activation(loss, dtype="float32", name="predictions")(network.output)
    return keras.Model(network.input, outputs, name=network.name)


def _has_layer(model: keras.Model, name: str) -> bool:
    return any(layer.name == name for layer in model.layers)
