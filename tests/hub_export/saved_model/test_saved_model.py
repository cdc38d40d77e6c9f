import json
from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow as tf
import tensorflow_hub

import keras_mixers
from hub_export.saved_model import export as saved_model
from hub_export.saved_model.export import export_saved_model, write_saved_model
from keras_mixers.models.heads import features_of, without_softmax

SHAPE = (32, 32, 3)


def conv_mixer(**options):
    options = {"classes": 5, "input_shape": SHAPE, **options}
    return keras_mixers.ConvMixer(8, 2, patch_size=4, kernel_size=3, **options)


MODELS = {
    "ConvMixer": conv_mixer,
    "MLPMixer": lambda: keras_mixers.MLPMixer(
        8, 2, input_shape=SHAPE, classes=5, drop_rate=0.5, drop_path_rate=0.5
    ),
    "T2TViT": lambda: keras_mixers.T2TViT(
        8, 1, num_heads=2, input_shape=SHAPE, classes=5, drop_rate=0.5
    ),
}


def perturb(model):
    """Give every weight another value: heads and running statistics start at zeros and ones."""
    random = np.random.default_rng(0)
    for weight in model.weights:
        if "float" in weight.dtype:
            weight.assign(weight + random.uniform(0, 0.1, weight.shape))


@pytest.fixture
def images():
    return np.random.default_rng(1).random((3, *SHAPE), dtype="float32")


@pytest.fixture(scope="module", params=MODELS)
def exported(request, tmp_path_factory):
    keras.utils.set_random_seed(0)
    model = MODELS[request.param]()
    perturb(model)
    path = tmp_path_factory.mktemp("hub") / "model"
    write_saved_model(model, path)
    return model, path


def test_loaded_model_gives_the_logits_of_pixels_up_to_one(exported, images):
    model, path = exported
    logits = tensorflow_hub.load(str(path))(images)
    expected = without_softmax(model)(255 * images, training=False)
    assert logits.dtype == tf.float32
    np.testing.assert_allclose(logits, expected, atol=1e-5)
    np.testing.assert_allclose(tf.nn.softmax(logits), model(255 * images), atol=1e-6)
    assert float(np.ptp(expected)) > 0.01


def test_training_is_traced_and_differs(exported, images):
    _, path = exported
    loaded = tensorflow_hub.load(str(path))
    inference = loaded(images)
    np.testing.assert_array_equal(loaded(images, training=False), inference)
    assert np.abs(loaded(images, training=True) - inference).max() > 1e-4


def test_variables_are_those_of_the_model(exported):
    model, path = exported
    loaded = tensorflow_hub.load(str(path))
    trainable = {id(variable) for variable in loaded.trainable_variables}
    assert len(loaded.variables) == len(model.variables)
    assert trainable < {id(variable) for variable in loaded.variables}
    for variable, weight in zip(loaded.trainable_variables, model.trainable_variables, strict=True):
        np.testing.assert_array_equal(variable, weight)


def test_every_trainable_variable_has_a_gradient(exported, images):
    _, path = exported
    loaded = tensorflow_hub.load(str(path))
    with tf.GradientTape() as tape:
        loss = tf.reduce_mean(loaded(images, training=False) ** 2)
    assert all(g is not None for g in tape.gradient(loss, list(loaded.trainable_variables)))


def test_signatures_are_inference(exported, images):
    model, path = exported
    signatures = tensorflow_hub.load(str(path)).signatures
    logits, features = without_softmax(model)(255 * images), features_of(model)(255 * images)
    expected = {
        "serving_default": {"logits": logits, "probabilities": tf.nn.softmax(logits)},
        "image_classification": {"default": logits},
        "feature_vector": {"default": features},
    }
    assert set(signatures) == set(expected)
    for name, outputs in expected.items():
        found = signatures[name](images=tf.constant(images))
        assert set(found) == set(outputs)
        for key, value in outputs.items():
            assert found[key].dtype == tf.float32
            np.testing.assert_allclose(found[key], value, atol=1e-5)


def test_features_are_an_object_of_the_same_kind(exported, images):
    model, path = exported
    features = tensorflow_hub.load(str(path)).features
    assert features(images).shape == (3, 8)
    np.testing.assert_allclose(features(images), features_of(model)(255 * images), atol=1e-5)
    assert np.abs(features(images, training=True) - features(images)).max() > 1e-4
    assert len(features.trainable_variables) == len(model.trainable_variables) - 2
    assert len(features.variables) == len(features_of(model).variables)


def test_gradients_in_training_are_the_model_s(exported, images):
    model, path = exported
    loaded, logits = tensorflow_hub.load(str(path)), without_softmax(model)

    def gradients(function, inputs, variables):
        with tf.GradientTape() as tape:
            loss = tf.reduce_mean(function(inputs, training=True) ** 2)
        return tape.gradient(loss, variables)

    # Both draw the same dropout masks: the states of the generators were exported too.
    found = gradients(loaded, images, list(loaded.trainable_variables))
    expected = gradients(logits, 255 * images, [w.value for w in logits.trainable_variables])
    for a, b in zip(found, expected, strict=True):
        np.testing.assert_allclose(a, b, atol=1e-6 * max(1.0, float(np.abs(b).max())))
    assert max(float(np.abs(g).max()) for g in expected) > 1e-3


def test_labels_and_metadata_are_assets(tmp_path):
    labels = ["tench", "shark", "ray", "cock", "hen"]
    write_saved_model(conv_mixer(), tmp_path / "model", labels)
    loaded = tensorflow_hub.load(str(tmp_path / "model"))
    text = Path(loaded.labels.asset_path.numpy().decode()).read_text(encoding="utf-8")
    assert text.split() == labels
    metadata = json.loads(Path(loaded.metadata.asset_path.numpy().decode()).read_text())
    assert (metadata["name"], metadata["classes"]) == ("convmixer_8_2", 5)
    assert {path.name for path in (tmp_path / "model" / "assets").iterdir()} == {
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
    with pytest.raises(ValueError, match="'convmixer_8_2' has no classes; leave the labels out"):
        write_saved_model(conv_mixer(include_top=False), tmp_path / "model", ["a"])


def test_other_activations_are_served_as_they_are(tmp_path, images):
    model = conv_mixer(classifier_activation="sigmoid")
    write_saved_model(model, tmp_path / "model")
    served = tensorflow_hub.load(str(tmp_path / "model")).signatures["serving_default"]
    found = served(images=tf.constant(images))["probabilities"]
    np.testing.assert_allclose(found, model(255 * images), atol=1e-6)


def test_statistics_move_in_training_only(tmp_path, images):
    write_saved_model(conv_mixer(), tmp_path / "model")
    loaded = tensorflow_hub.load(str(tmp_path / "model"))
    trainable = {id(variable) for variable in loaded.trainable_variables}
    statistics = [variable for variable in loaded.variables if id(variable) not in trainable]
    statistics = [variable for variable in statistics if "moving" in variable.name]
    assert len(statistics) == 2 * 5
    before = [variable.numpy() for variable in statistics]

    def moved():
        return [bool((a != b.numpy()).any()) for a, b in zip(before, statistics, strict=True)]

    loaded(images)
    assert not any(moved())
    loaded(images, training=True)
    assert all(moved())


def test_regularization_losses_are_the_model_s(tmp_path):
    model = conv_mixer()
    model.get_layer("head").kernel.regularizer = keras.regularizers.L2(0.1)
    write_saved_model(model, tmp_path / "model")
    loaded = tensorflow_hub.load(str(tmp_path / "model"))
    expected = 0.1 * float((model.get_layer("head").kernel.numpy() ** 2).sum())
    losses = [float(loss()) for loss in loaded.regularization_losses]
    assert losses == pytest.approx([expected])


def test_conv_mixer_takes_any_size_and_any_batch(tmp_path):
    model = conv_mixer(input_shape=(None, None, 3))
    write_saved_model(model, tmp_path / "model")
    loaded = tensorflow_hub.load(str(tmp_path / "model"))
    for shape in ((1, 32, 32, 3), (2, 20, 44, 3)):
        pixels = np.random.default_rng(0).random(shape, dtype="float32")
        np.testing.assert_allclose(tf.nn.softmax(loaded(pixels)), model(255 * pixels), atol=1e-6)


def test_model_that_ends_in_logits_is_exported_as_it_is(tmp_path, images):
    model = conv_mixer(classifier_activation=None)
    write_saved_model(model, tmp_path / "model")
    logits = tensorflow_hub.load(str(tmp_path / "model"))(images)
    np.testing.assert_allclose(logits, model(255 * images), atol=1e-5)


def test_model_without_top_gives_its_features_in_float32(tmp_path, images):
    keras.config.set_dtype_policy("mixed_bfloat16")
    model = conv_mixer(include_top=False)
    write_saved_model(model, tmp_path / "model")
    features = tensorflow_hub.load(str(tmp_path / "model"))(images)
    assert features.dtype == tf.float32
    assert features.shape == (3, 8, 8, 8)


def test_model_without_preprocessing_is_refused(tmp_path):
    with pytest.raises(ValueError, match="the model 'convmixer_8_2' has no layer 'preprocessing'"):
        export_saved_model(conv_mixer(include_preprocessing=False), tmp_path / "model")
    assert list(tmp_path.iterdir()) == []


def test_other_backends_are_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(keras.backend, "backend", lambda: "torch")
    with pytest.raises(ValueError, match="received the backend 'torch'"):
        export_saved_model(conv_mixer(), tmp_path / "model")


def test_existing_target_is_refused_unless_overwritten(tmp_path, images):
    path = tmp_path / "model"
    write_saved_model(conv_mixer(), path)
    (path / "old.txt").touch()
    model = conv_mixer()
    with pytest.raises(FileExistsError, match="exists; pass overwrite=True"):
        export_saved_model(model, path)
    assert (path / "old.txt").exists()
    export_saved_model(model, path, overwrite=True)
    assert not (path / "old.txt").exists()
    assert [entry.name for entry in tmp_path.iterdir()] == ["model"]
    loaded = tensorflow_hub.load(str(path))
    np.testing.assert_allclose(tf.nn.softmax(loaded(images)), model(255 * images), atol=1e-6)


def test_a_folder_of_other_things_is_never_replaced(tmp_path):
    (tmp_path / "photos").mkdir()
    (tmp_path / "photos" / "a.jpg").touch()
    with pytest.raises(FileExistsError, match=r"no folder with a file 'saved_model\.pb'"):
        export_saved_model(conv_mixer(), tmp_path / "photos", overwrite=True)
    assert (tmp_path / "photos" / "a.jpg").exists()


def test_missing_parent_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"There is no folder '.*nowhere' to write into"):
        export_saved_model(conv_mixer(), tmp_path / "nowhere" / "model")


def test_failure_leaves_nothing_behind_and_the_old_export_whole(tmp_path, monkeypatch):
    path = tmp_path / "model"
    write_saved_model(conv_mixer(), path)
    before = (path / saved_model.MARKER).read_bytes()

    def fill_the_disk(root, folder, signatures):
        tf.io.gfile.makedirs(folder)
        raise OSError("No space left on device")

    monkeypatch.setattr(tf.saved_model, "save", fill_the_disk)
    with pytest.raises(OSError, match="No space left"):
        export_saved_model(conv_mixer(), path, overwrite=True)
    assert [entry.name for entry in tmp_path.iterdir()] == ["model"]
    assert (path / saved_model.MARKER).read_bytes() == before
