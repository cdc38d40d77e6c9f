import keras
import numpy as np
import pytest
import tensorflow as tf

from keras_mixers import ConvMixer
from training.loop.mixed_precision import precision_scope
from training.loop.trainer import Trainer


def test_the_policy_is_what_it_was_afterwards():
    keras.config.set_dtype_policy("mixed_bfloat16")
    with precision_scope("float32"):
        assert keras.layers.Dense(1).compute_dtype == "float32"
    assert keras.config.dtype_policy().name == "mixed_bfloat16"
    keras.config.set_dtype_policy("float32")
    with pytest.raises(ZeroDivisionError), precision_scope("float16"):
        raise ZeroDivisionError
    assert keras.config.dtype_policy().name == "float32"


@pytest.mark.parametrize(
    "precision", [pytest.param("bfloat16", marks=pytest.mark.bfloat16), "float16"]
)
def test_pixels_are_not_rounded(precision):
    """bfloat16 has no 200.3, which erased and mixed pixels may be."""
    with precision_scope(precision):
        network = ConvMixer(
            4, 1, 4, 3, input_shape=(8, 8, 3), classes=2, classifier_activation=None
        )
        model = Trainer(network)
    seen = []
    inner = network.get_layer("preprocessing")
    call = inner.call
    inner.call = lambda inputs: seen.append(np.array(inputs)) or call(inputs)
    model(tf.fill((1, 8, 8, 3), 200.3))
    np.testing.assert_array_equal(seen[0], np.float32(200.3))


@pytest.mark.parametrize("precision", ["bfloat16", "float16"])
def test_weights_and_logits_stay_in_float32(precision):
    with precision_scope(precision):
        network = ConvMixer(
            4, 1, 4, 3, input_shape=(8, 8, 3), classes=2, classifier_activation=None
        )
    assert {variable.dtype for variable in network.weights} == {"float32"}
    assert network.get_layer("block_0").compute_dtype == precision
    assert network.output.dtype == "float32"
