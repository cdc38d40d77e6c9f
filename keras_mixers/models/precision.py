"""What a run saves: a plain network in float32, from pixels to probabilities."""

import keras


def in_float32(network: keras.Model) -> keras.Model:
    """Return a copy of a network that computes in float32, all of its layers trainable.

    Args:
        network: functional, of any precision.

    >>> import keras_mixers
    >>> from training.loop.mixed_precision import computing_in
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
