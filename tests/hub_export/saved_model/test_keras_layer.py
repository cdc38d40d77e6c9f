"""SavedModels in Keras 2, as TensorFlow Hub's own layer takes them."""

import numpy as np
import pytest
import tensorflow_hub
import tf_keras

from keras_mixers.models.heads import without_softmax
from tests.hub_export.saved_model.test_hub_layer import (
    IMAGES,
    check_moved,
    penalty,
    photos,
    unmoved,
    values,
    write,
)
from tests.hub_export.saved_model.test_saved_model import MODELS, SHAPE


@pytest.fixture(scope="module", params=MODELS)
def written(request, tmp_path_factory):
    path = tmp_path_factory.mktemp("hub") / "model"
    return write(request.param, path), path


def classifier(handle, **options):
    layer = tensorflow_hub.KerasLayer(handle, **options)
    tf_keras.utils.set_random_seed(0)
    model = tf_keras.Sequential([tf_keras.Input(SHAPE), layer, tf_keras.layers.Dense(3)])
    model.compile(
        tf_keras.optimizers.AdamW(0.02),
        tf_keras.losses.SparseCategoricalCrossentropy(from_logits=True),
    )
    return model, layer


def test_layer_gives_the_logits(written):
    model, path = written
    expected = without_softmax(model)(255 * IMAGES)
    np.testing.assert_allclose(tensorflow_hub.KerasLayer(str(path))(IMAGES), expected, atol=1e-5)


def test_layer_is_fine_tuned(written):
    original, path = written
    model, layer = classifier(str(path), trainable=True)
    assert len(layer.trainable_weights) == len(original.trainable_weights)
    assert len(layer.weights) == len(original.variables)
    x, y = photos()
    start, before = model.evaluate(x, y, verbose=0), values(layer)
    model.fit(x, y, batch_size=12, epochs=25, verbose=0)
    assert model.evaluate(x, y, verbose=0) < 0.9 * start
    check_moved(layer, before)


def test_penalties_are_the_model_s(written):
    original, path = written
    _, layer = classifier(str(path), trainable=True)
    assert [float(loss) for loss in layer.losses] == [pytest.approx(penalty(original))]


def test_frozen_layer_does_not_change(written):
    _, path = written
    model, layer = classifier(str(path))
    before = values(layer)
    model.fit(*photos(), verbose=0)
    assert len(unmoved(layer, before)) == len(layer.weights)
    assert sum(float(loss) for loss in layer.losses) == 0


def test_features_of_the_classifier_are_fine_tuned(written):
    original, path = written
    model, layer = classifier(tensorflow_hub.load(str(path)).features, trainable=True)
    assert len(layer.trainable_weights) == len(original.trainable_weights) - 2
    before = values(layer)
    model.fit(*photos(), batch_size=12, epochs=2, verbose=0)
    check_moved(layer, before)
    assert layer(IMAGES).shape == (3, 8)
