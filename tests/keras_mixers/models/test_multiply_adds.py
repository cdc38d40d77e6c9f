"""Multiply-adds of Keras's own layers; those of the families: tests/keras_mixers/catalogue."""

import keras

from keras_mixers import ConvMixer
from keras_mixers.models.multiply_adds import multiply_adds


def test_convolutions_and_dense_layers_are_counted() -> None:
    images = keras.Input((8, 8, 3))
    x = keras.layers.Conv2D(16, 3, strides=2, padding="same")(images)  # 4 * 4 * 9 * 3 * 16
    x = keras.layers.DepthwiseConv2D(5, padding="same")(x)  # 4 * 4 * 25 * 16
    x = keras.layers.BatchNormalization()(x)
    x = keras.layers.Conv2D(8, 3, groups=4, padding="same")(x)  # 4 * 4 * 9 * 4 * 8
    x = keras.layers.GlobalAveragePooling2D()(x)
    model = keras.Model(images, keras.layers.Dense(5)(x))  # 8 * 5
    assert multiply_adds(model) == 6912 + 6400 + 4608 + 40


def test_what_has_no_rule_is_not_guessed() -> None:
    images = keras.Input((8, 8, 3))
    model = keras.Model(images, keras.layers.SeparableConv2D(4, 3)(images))
    assert multiply_adds(model) is None
    assert multiply_adds(ConvMixer(8, 1, 2, input_shape=(None, None, 3))) is None
