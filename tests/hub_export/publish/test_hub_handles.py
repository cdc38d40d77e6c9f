"""What may stand at a `HubLayer`'s handle: others' SavedModels, archives, and what is refused."""

import gc
import io
import tarfile

import keras
import numpy as np
import pytest
import tensorflow as tf
import tensorflow_hub

from hub_export.saved_model.hub_layer import HubLayer
from tests.helpers.fine_tuning import IMAGES
from tests.keras_mixers.weights.file_server import serve


@pytest.fixture
def handle(exports):
    return exports["ConvMixer"].path


@pytest.fixture(scope="module")
def scaler(tmp_path_factory):
    """Someone else's SavedModel, of two inputs: it scales their sum and counts its trainings."""
    root = tf.train.Checkpoint()
    root.scale = tf.Variable([2.0, 3.0], name="some/scope/scale")
    root.trainings = tf.Variable(0, name="trainings", trainable=False, dtype=tf.int64)
    spec = {name: tf.TensorSpec((None, 2), tf.float32, name) for name in ("left", "right")}

    @tf.function
    def call(inputs, training=False):
        if training:
            root.trainings.assign_add(1)
        return {"scaled": root.scale * (inputs["left"] + inputs["right"])}

    for training in (False, True):
        call.get_concrete_function(spec, training=training)
    root.__call__ = call
    root.variables = [root.trainings, root.scale]
    root.trainable_variables = [root.scale]
    root.regularization_losses = [tf.function(lambda: tf.reduce_sum(root.scale), [])]
    path = tmp_path_factory.mktemp("others") / "scaler"
    tf.saved_model.save(root, str(path))
    return path


@pytest.fixture(scope="module")
def signature_only(tmp_path_factory):
    path = tmp_path_factory.mktemp("others") / "exported"
    keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)]).export(path, verbose=False)
    return path


def test_others_saved_model_is_trained(scaler):
    layer = HubLayer(scaler)
    assert [weight.path for weight in layer.weights] == [
        f"{layer.name}/some_scope_scale",
        f"{layer.name}/trainings",
    ]
    entries = {name: keras.Input((2,), name=name) for name in ("left", "right")}
    outputs = layer(entries)
    assert outputs["scaled"].shape == (None, 2)
    assert layer.compute_output_shape({"left": (5, 2), "right": (5, 2)}) == {"scaled": (5, 2)}
    model = keras.Model(entries, outputs["scaled"])
    model.compile(keras.optimizers.AdamW(0.1), "mse")
    x = {name: np.ones((4, 2), "float32") for name in entries}
    np.testing.assert_array_equal(model.predict(x, verbose=0), [[4.0, 6.0]] * 4)
    history = model.fit(x, np.zeros((4, 2)), epochs=3, verbose=0)
    np.testing.assert_allclose(history.history["loss"][0], (16 + 36) / 2 + 5)
    assert history.history["loss"][-1] < history.history["loss"][0]
    scale, trainings = layer.weights
    assert (scale.numpy() < [1.8, 2.8]).all()
    assert int(trainings) == 3


def test_saved_model_without_training_and_variables_is_called(tmp_path):
    root = tf.train.Checkpoint()
    root.__call__ = tf.function(tf.strings.length, [tf.TensorSpec([None], tf.string)])
    tf.saved_model.save(root, str(tmp_path))
    layer = HubLayer(tmp_path)
    assert layer.weights == []
    assert layer(tf.constant(["a", "abc"]), training=True).numpy().tolist() == [1, 3]
    entry = keras.Input((), dtype="string")
    assert layer(entry).dtype == "int32"


def test_archive_is_fetched(handle, tmp_path, monkeypatch):
    monkeypatch.setenv("TFHUB_CACHE_DIR", str(tmp_path / "cache"))
    archive = io.BytesIO()
    with tarfile.open(fileobj=archive, mode="w:gz") as tar:
        tar.add(handle, ".")
    content = archive.getvalue()
    files = {"a.tar.gz": content, "cut.tar.gz": content[: len(content) // 2]}
    suffix = "?tf-hub-format=compressed"
    with serve({name + suffix: content for name, content in files.items()}) as server:
        layer = HubLayer(f"{server.url}/a.tar.gz")
        for name in ("cut", "none"):
            with pytest.raises(OSError, match=rf"{name}\.tar\.gz' can't be loaded \(.+\); expec"):
                HubLayer(f"{server.url}/{name}.tar.gz")
            gc.collect()  # A connection that is still open is told now: pytest makes it an error.
    expected = tensorflow_hub.load(str(handle))(IMAGES)
    np.testing.assert_array_equal(layer(IMAGES), expected)


def test_missing_and_damaged_saved_models_are_named_in_one_line(tmp_path):
    (tmp_path / "damaged").mkdir()
    (tmp_path / "damaged" / "saved_model.pb").write_bytes(b"cut")
    for folder, error, said in (
        ("missing", OSError, r" \(.*\); expected"),
        ("damaged", ValueError, r" as a SavedModel \(Cannot parse .*\)\.$"),
    ):
        with pytest.raises(error, match=f"' can't be loaded{said}") as caught:
            HubLayer(tmp_path / folder)
        assert len(str(caught.value).splitlines()) == 1
        assert repr(str(tmp_path / folder)) in str(caught.value)


def test_folder_of_other_things_is_refused(tmp_path):
    (tmp_path / "a.jpg").touch()
    with pytest.raises(ValueError, match=r"' has no file 'saved_model\.pb'; expected a reusable"):
        HubLayer(tmp_path)


def test_saved_model_that_is_not_reusable_is_refused(signature_only):
    expected = r"can't be called, .* only has the signatures \['serve', 'serving_default'\]\. For"
    with pytest.raises(ValueError, match=expected):
        HubLayer(signature_only)


def test_unknown_part_is_refused(handle):
    with pytest.raises(ValueError, match="has no callable part 'tokens'; give another name"):
        HubLayer(handle, part="tokens")
