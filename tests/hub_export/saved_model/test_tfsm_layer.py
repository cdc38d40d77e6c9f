"""SavedModels in Keras 3's own layer for them, which infers."""

import keras
import pytest

from keras_mixers.models.heads import features_of, without_softmax
from tests.helpers.export_models import SHAPE, assert_same
from tests.helpers.fine_tuning import IMAGES


@pytest.mark.parametrize(
    ("endpoint", "names"),
    [
        ("serving_default", {"logits", "probabilities"}),
        ("image_classification", {"default"}),
        ("feature_vector", {"default"}),
    ],
)
def test_layer_infers_what_the_model_infers(endpoint, names, exports):
    export = exports["MLPMixer"]
    layer = keras.layers.TFSMLayer(export.path, call_endpoint=endpoint)
    found = layer(IMAGES)
    assert found.keys() == names
    part = features_of if endpoint == "feature_vector" else without_softmax
    output = found["logits" if endpoint == "serving_default" else "default"]
    assert_same(output, part(export.model)(255 * IMAGES), export.model)


def test_layer_in_a_functional_model(exports):
    export = exports["ConvMixer"]
    layer = keras.layers.TFSMLayer(export.path, call_endpoint="serving_default")
    entry = keras.Input(SHAPE)
    network = keras.Model(entry, layer(entry)["probabilities"])
    assert network.output_shape == (None, 5)
    found = network.predict(IMAGES, verbose=0)
    assert_same(found, export.model(255 * IMAGES), export.model)
