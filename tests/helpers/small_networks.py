"""One small network of each family, with the layers and names of the large ones."""

import keras

from keras_mixers import ConvMixer, MLPMixer, T2TViT


def small(family: str) -> keras.Model:
    shared = {"classes": 2, "classifier_activation": None}
    if family == "ConvMixer":
        return ConvMixer(4, 1, 4, 3, input_shape=(8, 8, 3), **shared)
    if family == "MLPMixer":
        return MLPMixer(4, 1, 4, input_shape=(8, 8, 3), **shared)
    return T2TViT(4, 1, 2, token_mixer="performer", input_shape=(32, 32, 3), **shared)
