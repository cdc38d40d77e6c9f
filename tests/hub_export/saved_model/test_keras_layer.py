"""SavedModels in Keras 2, as TensorFlow Hub's own layer takes them."""

import pytest
import tensorflow_hub
import tf_keras

from keras_mixers.models.heads import without_softmax
from tests.helpers.export_models import SHAPE, assert_same
from tests.helpers.fine_tuning import (
    IMAGES,
    check_moved,
    check_step,
    penalty,
    photos,
    unmoved,
    values,
)


def classifier(handle, optimizer=None, **options):
    layer = tensorflow_hub.KerasLayer(handle, **options)
    tf_keras.utils.set_random_seed(0)
    model = tf_keras.Sequential([tf_keras.Input(SHAPE), layer, tf_keras.layers.Dense(3)])
    model.compile(
        optimizer or tf_keras.optimizers.AdamW(0.02),
        tf_keras.losses.SparseCategoricalCrossentropy(from_logits=True),
    )
    return model, layer


def test_layer_gives_the_logits_and_the_penalty(exported):
    model, path = exported.model, str(exported.path)
    layer = tensorflow_hub.KerasLayer(path, trainable=True)
    assert_same(layer(IMAGES), without_softmax(model)(255 * IMAGES), model)
    assert len(layer.trainable_weights) == len(model.trainable_weights)
    assert len(layer.weights) == len(model.variables)
    assert sum(float(loss) for loss in layer.losses) == pytest.approx(penalty(model))


# T2T-ViT's step is that of the SavedModel, whose gradients have a test for each family.
@pytest.mark.parametrize(
    "family", ["ConvMixer", "MLPMixer", pytest.param("T2TViT", marks=pytest.mark.slow)]
)
def test_a_step_of_training_moves_the_layer_as_the_model(family, exports):
    export = exports[family]
    model, layer = classifier(str(export.path), tf_keras.optimizers.SGD(1.0), trainable=True)
    head = model.layers[-1].get_weights()
    x, y = photos()
    model.fit(x, y, batch_size=len(x), verbose=0)
    check_step(export, layer, head)


@pytest.mark.parametrize("family", ["ConvMixer", "MLPMixer"])
def test_frozen_layer_does_not_change(family, exports):
    model, layer = classifier(str(exports[family].path))
    before = values(layer)
    model.fit(*photos(), verbose=0)
    assert len(unmoved(layer, before)) == len(layer.weights)
    assert sum(float(loss) for loss in layer.losses) == 0


def test_features_of_the_classifier_are_fine_tuned(exports):
    export = exports["ConvMixer"]
    features = tensorflow_hub.load(str(export.path)).features
    model, layer = classifier(features, trainable=True)
    assert len(layer.trainable_weights) == len(export.model.trainable_weights) - 2
    before = values(layer)
    model.fit(*photos(), batch_size=12, verbose=0)
    check_moved(layer, before)
    assert layer(IMAGES).shape == (3, 8)
