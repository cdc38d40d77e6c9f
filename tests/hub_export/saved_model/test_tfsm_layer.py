"""SavedModels in Keras 3's own layer for them, which infers."""

import keras
import numpy as np
import pytest

from keras_mixers.models.heads import features_of, without_softmax
from tests.hub_export.saved_model.test_hub_layer import IMAGES, write
from tests.hub_export.saved_model.test_saved_model import MODELS, SHAPE


@pytest.mark.parametrize("family", MODELS)
def test_layer_infers_what_the_model_infers(family, tmp_path):
    model = write(family, tmp_path / "model")
    expected = {
        "serving_default": {
            "logits": without_softmax(model)(255 * IMAGES),
            "probabilities": model(255 * IMAGES),
        },
        "image_classification": {"default": without_softmax(model)(255 * IMAGES)},
        "feature_vector": {"default": features_of(model)(255 * IMAGES)},
    }
    for endpoint, outputs in expected.items():
        layer = keras.layers.TFSMLayer(tmp_path / "model", call_endpoint=endpoint)
        found = layer(IMAGES)
        assert found.keys() == outputs.keys()
        for name, output in outputs.items():
            np.testing.assert_allclose(found[name], output, atol=1e-5)


def test_layer_in_a_functional_model(tmp_path):
    model = write("ConvMixer", tmp_path / "model")
    layer = keras.layers.TFSMLayer(tmp_path / "model", call_endpoint="serving_default")
    entry = keras.Input(SHAPE)
    network = keras.Model(entry, layer(entry)["probabilities"])
    assert network.output_shape == (None, 5)
    found = network.predict(IMAGES, verbose=0)
    np.testing.assert_allclose(found, model(255 * IMAGES), atol=1e-5)
