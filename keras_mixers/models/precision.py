"""Copies of a network in another precision."""

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

    def copied(layer: keras.layers.Layer) -> keras.layers.Layer:
        config = {**layer.get_config(), "dtype": "float32"}
        if not isinstance(layer, keras.layers.InputLayer):
            config["trainable"] = True  # Freezing belongs to a training run, not to the network.
        return type(layer).from_config(config)

    copy = keras.models.clone_model(network, clone_function=copied)
    copy.set_weights(network.get_weights())
    return copy
