"""Copies of a network in another precision."""

from collections.abc import Callable

import keras


def in_float32(network: keras.Model) -> keras.Model:
    """Return a copy of a network that computes in float32, with all layers trainable.

    Args:
        network: A functional model of any precision.

    >>> import keras_mixers
    >>> keras.config.set_dtype_policy("mixed_bfloat16")
    >>> network = keras_mixers.ConvMixer(8, 1, 2, 3, input_shape=(8, 8, 3), classes=2)
    >>> in_float32(network).get_layer("block_0").compute_dtype
    'float32'
    """

    def changes(layer: keras.layers.Layer) -> dict:
        if isinstance(layer, keras.layers.InputLayer):
            return {"dtype": "float32"}
        # Freezing belongs to a training run, not to the network.
        return {"dtype": "float32", "trainable": True}

    return copy_with(network, changes)


def in_bfloat16(network: keras.Model) -> keras.Model:
    """Return a copy of a network whose blocks compute in bfloat16, and all else as it did.

    Args:
        network: A functional model of layers of `keras_mixers`.

    >>> import keras_mixers
    >>> network = keras_mixers.ConvMixer(8, 1, 2, 3, input_shape=(8, 8, 3), classes=2)
    >>> copy = in_bfloat16(network)
    >>> copy.get_layer("block_0").compute_dtype, copy.get_layer("head").compute_dtype
    ('bfloat16', 'float32')
    """

    def changes(layer: keras.layers.Layer) -> dict:
        is_ours = type(layer).__module__.startswith("keras_mixers.layers.")
        return {"dtype": "mixed_bfloat16"} if is_ours and layer.name != "head" else {}

    return copy_with(network, changes)


def copy_with(network: keras.Model, changes: Callable[[keras.layers.Layer], dict]) -> keras.Model:
    """Return a copy with the same weights, of layers whose configuration is changed."""

    def copied(layer: keras.Operation) -> keras.Operation:
        if not isinstance(layer, keras.layers.Layer):
            return layer  # An operation such as `x[..., ::-1]`, which has no precision of its own.
        return type(layer).from_config({**layer.get_config(), **changes(layer)})

    copy = keras.models.clone_model(network, clone_function=copied)
    copy.set_weights(network.get_weights())
    return copy
