"""A new head for other classes."""

import keras
import numpy as np
import pytest

import keras_mixers
from tests.helpers.tiny_models import BUILDERS, SHAPE, build


@pytest.mark.parametrize("name", BUILDERS)
def test_a_new_head_shares_all_other_weights(name: str, tmp_path) -> None:
    model = build(name)
    tuned = keras_mixers.reset_head(model, 3)
    assert (tuned.output_shape, tuned.name) == ((None, 3), model.name)
    assert [layer.name for layer in tuned.layers] == [layer.name for layer in model.layers]
    heads = {id(weight) for weight in tuned.get_layer("head").weights}
    own = [weight for weight in tuned.weights if id(weight) not in heads]
    assert {id(weight) for weight in own} < {id(weight) for weight in model.weights}
    assert len(tuned.weights) == len(model.weights)
    images = np.random.default_rng(0).integers(0, 256, (2, *SHAPE)).astype("float32")
    np.testing.assert_allclose(keras.ops.sum(tuned(images), axis=-1), 1, rtol=1e-5)
    tuned.save(tmp_path / "a.keras")
    again = keras.models.load_model(tmp_path / "a.keras")
    np.testing.assert_array_equal(again(images), tuned(images))


def test_the_head_is_new_even_for_as_many_classes() -> None:
    model = build("conv_mixer", classifier_activation=None)
    tuned = keras_mixers.reset_head(model, 5)
    assert tuned.layers[-1].name == "head"  # It ends in logits, as the model does.
    assert np.all(tuned.get_layer("head").kernel != model.get_layer("head").kernel)


def test_what_has_no_head() -> None:
    with pytest.raises(ValueError, match="has no layer 'head' to be reset"):
        keras_mixers.reset_head(build("vit", include_top=False), 3)
    with pytest.raises(ValueError, match="classes"):
        keras_mixers.reset_head(build("vit"), 0)
