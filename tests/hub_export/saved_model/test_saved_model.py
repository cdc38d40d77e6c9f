import json
from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow as tf
import tensorflow_hub
from tensorflow.core.protobuf import saved_model_pb2

from hub_export.saved_model.export import export_saved_model, write_saved_model
from keras_mixers.models.heads import features_of, without_softmax
from tests.helpers.export_models import LABELS, assert_same, conv_mixer, images_up_to_one
from tests.helpers.fine_tuning import penalty
from tests.helpers.rounding import rounding_bound, roundings_in


@pytest.fixture
def images():
    return images_up_to_one(3)


def test_loaded_model_gives_the_logits_of_pixels_up_to_one(exported, images):
    model = exported.model
    logits = exported.loaded(images)
    expected = without_softmax(model)(255 * images, training=False)
    assert logits.dtype == tf.float32
    assert_same(logits, expected, model)
    assert np.ptp(expected, axis=0).max() > 1e-3  # They depend on the image.


def test_training_is_traced_and_differs(exported, images):
    loaded = tensorflow_hub.load(str(exported.path))
    inference = loaded(images)
    np.testing.assert_array_equal(loaded(images, training=False), inference)
    assert np.abs(loaded(images, training=True) - inference).max() > 1e-3
    features = loaded.features(images)
    assert np.abs(loaded.features(images, training=True) - features).max() > 1e-3


def test_gradients_in_the_file_are_tensorflow_s_own(exported):
    file = saved_model_pb2.SavedModel.FromString((exported.path / "saved_model.pb").read_bytes())
    (graph,) = file.meta_graphs
    functions = graph.graph_def.library.function
    gradients = [node.attr["_gradient_op_type"].s for f in functions for node in f.node_def]
    assert [name for name in gradients if name.startswith(b"CustomGradient")] == []


def test_variables_are_those_of_the_model(exported):
    model, loaded = exported.model, exported.loaded
    trainable = {id(variable) for variable in loaded.trainable_variables}
    assert len(loaded.variables) == len(model.variables)
    assert trainable < {id(variable) for variable in loaded.variables}
    for variable, weight in zip(loaded.trainable_variables, model.trainable_variables, strict=True):
        np.testing.assert_array_equal(variable, weight)
    features = loaded.features
    head = model.get_layer("head").trainable_weights
    assert len(features.trainable_variables) == len(model.trainable_variables) - len(head)
    assert len(features.variables) == len(features_of(model).variables)


def test_signatures_are_inference(exported, images):
    model = exported.model
    logits, features = without_softmax(model)(255 * images), features_of(model)(255 * images)
    expected = {
        "serving_default": {"logits": logits, "probabilities": tf.nn.softmax(logits)},
        "image_classification": {"default": logits},
        "feature_vector": {"default": features},
    }
    signatures = exported.loaded.signatures
    assert set(signatures) == set(expected)
    for name, outputs in expected.items():
        found = signatures[name](images=tf.constant(images))
        assert set(found) == set(outputs)
        for key, value in outputs.items():
            assert found[key].dtype == tf.float32
            assert_same(found[key], value, model)


def test_features_are_an_object_of_the_same_kind(exported, images):
    features = exported.loaded.features(images)
    expected = features_of(exported.model)(255 * images)
    assert features.shape == expected.shape
    assert_same(features, expected, exported.model)


def test_gradients_at_inference_are_the_model_s(exported, images):
    """Those of training move the layers of test_hub_layer.py as they move the model."""
    loaded, logits = exported.loaded, without_softmax(exported.model)

    def gradients(function, inputs, variables):
        with tf.GradientTape() as tape:
            loss = tf.reduce_mean(function(inputs, training=False) ** 2)
        return tape.gradient(loss, variables)

    found = gradients(loaded, images, list(loaded.trainable_variables))
    expected = gradients(logits, 255 * images, [w.value for w in logits.trainable_variables])
    # Forward, back, and summed over all images and positions, where they may cancel.
    count = 3 * roundings_in(exported.model.weights) + 3 * 8 * 8
    largest = max((np.asarray(gradient) for gradient in expected), key=lambda a: np.abs(a).max())
    bound = rounding_bound(largest, count)
    assert np.abs(largest).max() > 1e-3
    for a, b in zip(found, expected, strict=True):
        np.testing.assert_allclose(a, b, rtol=0, atol=bound)


def test_labels_and_metadata_are_assets(exports):
    export = exports["ConvMixer"]
    text = Path(export.loaded.labels.asset_path.numpy().decode()).read_text(encoding="utf-8")
    assert text.split() == LABELS
    metadata = json.loads(Path(export.loaded.metadata.asset_path.numpy().decode()).read_text())
    assert (metadata["name"], metadata["classes"]) == ("convmixer_8_1", 5)
    assert {path.name for path in (export.path / "assets").iterdir()} == {
        "labels.txt",
        "metadata.json",
    }


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        (["a", "b"], "received 2 names for 5 classes"),
        (["a", "b", "c", "d", "e\nf"], r"received 'e\\nf'"),
        (["a", "b", "c", "d", " "], "received ' '"),
    ],
)
def test_labels_that_do_not_fit_are_refused(tmp_path, labels, message):
    with pytest.raises(ValueError, match=message):
        export_saved_model(conv_mixer(), tmp_path / "model", labels)
    assert list(tmp_path.iterdir()) == []


def test_labels_of_a_model_without_classes_are_refused(tmp_path):
    with pytest.raises(ValueError, match="'convmixer_8_1' has no classes; leave the labels out"):
        write_saved_model(conv_mixer(include_top=False), tmp_path / "model", ["a"])


def test_statistics_move_in_training_only(exports, images):
    loaded = tensorflow_hub.load(str(exports["ConvMixer"].path))
    trainable = {id(variable) for variable in loaded.trainable_variables}
    statistics = [variable for variable in loaded.variables if id(variable) not in trainable]
    statistics = [variable for variable in statistics if "moving" in variable.name]
    assert len(statistics) == 2 * 3
    before = [variable.numpy() for variable in statistics]

    def moved():
        return [bool((a != b.numpy()).any()) for a, b in zip(before, statistics, strict=True)]

    loaded(images)
    assert not any(moved())
    loaded(images, training=True)
    assert all(moved())


def test_regularization_losses_are_the_model_s(exported):
    losses = [float(loss()) for loss in exported.loaded.regularization_losses]
    assert sum(losses) == pytest.approx(penalty(exported.model))


@pytest.mark.parametrize("shape", [(1, 32, 32, 3), (2, 20, 44, 3)])
def test_any_size_any_batch_and_other_activations_are_served(exports, shape):
    export = exports["any size"]
    model, pixels = export.model, np.random.default_rng(0).random(shape, dtype="float32")
    assert_same(export.loaded(pixels), without_softmax(model)(255 * pixels), model)
    served = export.loaded.signatures["serving_default"](images=tf.constant(pixels))
    assert_same(served["probabilities"], model(255 * pixels), model)


def test_model_that_ends_in_logits_is_exported_as_it_is(tmp_path, images):
    model = conv_mixer(classifier_activation=None)
    write_saved_model(model, tmp_path / "model")
    loaded = tensorflow_hub.load(str(tmp_path / "model"))
    expected = model(255 * images)
    assert_same(loaded(images), expected, model)
    found = loaded.signatures["serving_default"](images=tf.constant(images))["probabilities"]
    assert_same(found, tf.nn.softmax(expected), model)


@pytest.mark.bfloat16
def test_model_without_top_gives_its_features_in_float32(tmp_path, images):
    keras.config.set_dtype_policy("mixed_bfloat16")
    model = conv_mixer(include_top=False)
    write_saved_model(model, tmp_path / "model")
    features = tensorflow_hub.load(str(tmp_path / "model"))(images)
    assert features.dtype == tf.float32
    assert features.shape == (3, 8, 8, 8)


def test_model_without_preprocessing_is_refused(tmp_path):
    with pytest.raises(ValueError, match="the model 'convmixer_8_1' has no layer 'preprocessing'"):
        export_saved_model(conv_mixer(include_preprocessing=False), tmp_path / "model")
    assert list(tmp_path.iterdir()) == []


def test_other_backends_are_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(keras.backend, "backend", lambda: "torch")
    with pytest.raises(ValueError, match="received the backend 'torch'"):
        export_saved_model(conv_mixer(), tmp_path / "model")


@pytest.fixture
def earlier(tmp_path):
    """A folder like an earlier export's."""
    path = tmp_path / "model"
    path.mkdir()
    (path / "saved_model.pb").write_bytes(b"an old graph")
    return path


def test_existing_target_is_refused_unless_overwritten(earlier, images):
    model = conv_mixer()
    with pytest.raises(FileExistsError, match="exists; pass overwrite=True"):
        export_saved_model(model, earlier)
    assert (earlier / "saved_model.pb").read_bytes() == b"an old graph"
    (earlier / "old.txt").touch()
    assert export_saved_model(model, earlier, overwrite=True).passed
    assert not (earlier / "old.txt").exists()
    assert [entry.name for entry in earlier.parent.iterdir()] == ["model"]
    loaded = tensorflow_hub.load(str(earlier))
    assert_same(loaded(images), without_softmax(model)(255 * images), model)


def test_a_folder_of_other_things_is_never_replaced(tmp_path):
    (tmp_path / "photos").mkdir()
    (tmp_path / "photos" / "a.jpg").touch()
    with pytest.raises(FileExistsError, match=r"not a folder with a file 'saved_model\.pb'"):
        export_saved_model(conv_mixer(), tmp_path / "photos", overwrite=True)
    assert (tmp_path / "photos" / "a.jpg").exists()


def test_missing_parent_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"There is no folder '.*nowhere' to write into"):
        export_saved_model(conv_mixer(), tmp_path / "nowhere" / "model")


def test_failure_leaves_nothing_behind_and_the_old_export_whole(earlier, monkeypatch):
    def fill_the_disk(root, folder, signatures):
        tf.io.gfile.makedirs(folder)
        raise OSError("No space left on device")

    monkeypatch.setattr(tf.saved_model, "save", fill_the_disk)
    with pytest.raises(OSError, match="No space left"):
        export_saved_model(conv_mixer(), earlier, overwrite=True)
    assert [entry.name for entry in earlier.parent.iterdir()] == ["model"]
    assert (earlier / "saved_model.pb").read_bytes() == b"an old graph"
