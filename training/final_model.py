"""What a run saves: a plain network in float32, from pixels to probabilities."""

from typing import Literal

import keras


def in_float32(network: keras.Model) -> keras.Model:
    """Return a copy of a network that computes in float32, all of its layers trainable.

    Args:
        network: functional, of any precision.

    >>> import keras_mixers
    >>> from training.precision import computing_in
    >>> with computing_in("bfloat16"):
    ...     network = keras_mixers.ConvMixer(8, 1, 2, 3, input_shape=(8, 8, 3), classes=2)
    >>> in_float32(network).get_layer("block_0").compute_dtype
    'float32'
    """

    def copied(layer: keras.layers.Layer) -> keras.layers.Layer:
        config = {**layer.get_config(), "dtype": "float32"}
        if not isinstance(layer, keras.layers.InputLayer):
            config["trainable"] = True  # Freezing was the run's, not the network's.
        return type(layer).from_config(config)

    copy = keras.models.clone_model(network, clone_function=copied)
    copy.set_weights(network.get_weights())
    return copy


def with_probabilities(network: keras.Model, loss: Literal["softmax", "sigmoid"]) -> keras.Model:
    """Return a model of a network's logits as probabilities; it shares the network's weights.

    The last layer is named `predictions`, as in keras_mixers' own classifiers.

    Args:
        network: images to logits (B, classes).
        loss: that it was trained with.
    """
    outputs = keras.layers.Activation(loss, dtype="float32", name="predictions")(network.output)
    return keras.Model(network.input, outputs, name=network.name)
