"""One small network of each family, with the layers and names of the large ones."""

import keras

from keras_mixers import ConvMixer, MLPMixer, ResMLP, T2TViT, ViT, gMLP

_BUILDERS = {
    "ConvMixer": lambda **shared: ConvMixer(4, 1, 4, 3, input_shape=(8, 8, 3), **shared),
    "MLPMixer": lambda **shared: MLPMixer(4, 1, 4, input_shape=(8, 8, 3), **shared),
    "T2TViT": lambda **shared: T2TViT(
        4, 1, 2, token_mixer="performer", input_shape=(32, 32, 3), **shared
    ),
    "ViT": lambda **shared: ViT(4, 1, 2, 4, input_shape=(8, 8, 3), **shared),
    "ResMLP": lambda **shared: ResMLP(4, 1, 4, input_shape=(8, 8, 3), **shared),
    "gMLP": lambda **shared: gMLP(4, 1, 4, input_shape=(8, 8, 3), **shared),
}


def small(family: str) -> keras.Model:
    return _BUILDERS[family](classes=2, classifier_activation=None)
