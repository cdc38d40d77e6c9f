import json
import subprocess
import sys
import textwrap

import keras
import numpy as np
import pytest
import tensorflow as tf

from hub_export.saved_model.export import write_saved_model
from hub_export.saved_model.hub_layer import HubLayer
from keras_mixers.models.heads import features_of, without_softmax
from tests.hub_export.saved_model.test_saved_model import MODELS, SHAPE, conv_mixer, perturb

PENALTY = 0.01
IMAGES = np.random.default_rng(1).random((3, *SHAPE), dtype="float32")


def write(family, folder):
    """Write a tiny classifier with a penalty on its head's kernel; return the model."""
    keras.utils.set_random_seed(0)
    model = MODELS[family]()
    perturb(model)
    model.get_layer("head").kernel.regularizer = keras.regularizers.L2(PENALTY)
    write_saved_model(model, folder)
    return model


def penalty(model):
    return PENALTY * float((model.get_layer("head").kernel.numpy() ** 2).sum())


def photos():
    """Return 12 images of 3 classes: in each another colour is bright."""
    labels = np.arange(12) % 3
    noise = np.random.default_rng(2).random((12, *SHAPE), dtype="float32")
    return (noise + np.eye(3, dtype="float32")[labels][:, None, None]) / 2, labels


def classifier(*layers, shape=SHAPE):
    model = keras.Sequential([keras.Input(shape), *layers, keras.layers.Dense(3)])
    model.compile(
        keras.optimizers.AdamW(0.02), keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    )
    return model


def values(layer):
    return [weight.numpy() for weight in layer.weights]


def unmoved(layer, before):
    """Return the indices of the weights that are what they were."""
    now = values(layer)
    return [i for i, old in enumerate(before) if (now[i] == old).all()]


def check_moved(layer, before):
    """Assert that training moved all that it should: T2T's tables and random features rest."""
    moving = {id(weight) for weight in layer.trainable_weights}
    for i in unmoved(layer, before):
        weight = layer.weights[i]
        assert id(weight) not in moving
        assert not any(word in weight.name for word in ("moving", "seed"))


@pytest.fixture(scope="module", params=MODELS)
def written(request, tmp_path_factory):
    path = tmp_path_factory.mktemp("hub") / "model"
    return write(request.param, path), path


@pytest.fixture(scope="module")
def conv(tmp_path_factory):
    path = tmp_path_factory.mktemp("hub") / "model"
    return write("ConvMixer", path), path


def test_layer_gives_what_the_model_gives(written):
    model, path = written
    np.testing.assert_allclose(
        HubLayer(path)(IMAGES), without_softmax(model)(255 * IMAGES), atol=1e-5
    )
    np.testing.assert_allclose(
        HubLayer(path, part="features")(IMAGES), features_of(model)(255 * IMAGES), atol=1e-5
    )


@pytest.mark.parametrize("part", [None, pytest.param("features", marks=pytest.mark.slow)])
def test_layer_is_fine_tuned_in_a_sequential_model(written, part):
    _, path = written
    model = classifier(HubLayer(path, part=part))
    layer = model.layers[0]
    x, y = photos()
    start, before = model.evaluate(x, y, verbose=0), values(layer)
    model.fit(x, y, batch_size=12, epochs=25, verbose=0)
    assert model.evaluate(x, y, verbose=0) < 0.9 * start
    check_moved(layer, before)


def test_weights_are_those_of_the_model(written):
    model, path = written
    layer = HubLayer(path, name="backbone")
    assert len(layer.weights) == len(model.variables)
    assert len(layer.trainable_weights) == len(model.trainable_weights)
    assert all(weight.path.startswith("backbone/") for weight in layer.weights)
    for weight, original in zip(layer.trainable_weights, model.trainable_weights, strict=True):
        np.testing.assert_array_equal(weight, original)


def test_layer_in_a_functional_model_knows_its_shape_and_dtype(conv):
    keras.config.set_dtype_policy("mixed_bfloat16")
    layer = HubLayer(conv[1], part="features")
    entry = keras.Input(SHAPE)
    features = layer(entry)
    assert (features.shape, features.dtype) == ((None, 8), "float32")
    assert layer.compute_output_shape((None, *SHAPE)) == (None, 8)
    model = keras.Model(entry, keras.layers.Dense(3)(features))
    assert model(np.zeros((2, *SHAPE), "float32")).shape == (2, 3)


def test_penalties_count_while_trainable(conv):
    model, path = conv
    layer = HubLayer(path)
    layer(IMAGES, training=True)
    assert [float(loss) for loss in layer.losses] == [pytest.approx(penalty(model))]
    layer.trainable = False
    layer(IMAGES, training=True)
    assert layer.losses == []


def test_frozen_layer_only_infers(written):
    _, path = written
    layer = HubLayer(path, trainable=False)
    before = values(layer)
    expected = layer(IMAGES)
    model = classifier(layer)
    assert len(model.trainable_weights) == 2
    model.fit(*photos(), verbose=0)
    np.testing.assert_array_equal(layer(IMAGES, training=True), expected)
    assert len(unmoved(layer, before)) == len(layer.weights)


def test_layer_is_frozen_and_unfrozen_after_construction(conv):
    layer = HubLayer(conv[1])
    layer.trainable = False
    model = classifier(layer)
    before = values(layer)
    model.fit(*photos(), verbose=0)
    assert len(unmoved(layer, before)) == len(layer.weights)
    layer.trainable = True
    model = classifier(layer)
    model.fit(*photos(), verbose=0)
    assert unmoved(layer, before) == []
    assert len(model.trainable_weights) == 2 + len(conv[0].trainable_weights)


@pytest.mark.parametrize("frozen", [False, pytest.param(True, marks=pytest.mark.slow)])
def test_trained_weights_come_back_from_a_file(written, tmp_path, frozen):
    _, path = written
    model = classifier(HubLayer(path, part="features"))
    model.fit(*photos(), verbose=0)
    model = keras.Sequential([keras.Input(SHAPE), *model.layers])
    model.layers[0].trainable = not frozen
    expected = model(IMAGES)
    assert np.abs(expected - model.layers[1](HubLayer(path, "features")(IMAGES))).max() > 1e-4
    model.save(tmp_path / "tuned.keras")
    loaded = keras.saving.load_model(tmp_path / "tuned.keras", safe_mode=False)
    np.testing.assert_array_equal(loaded(IMAGES), expected)
    assert loaded.layers[0].trainable is not frozen
    loaded.layers[0].trainable = True
    trainable = [weight.path for weight in loaded.layers[0].trainable_weights]
    model.layers[0].trainable = True
    assert trainable == [weight.path for weight in model.layers[0].trainable_weights]


def test_safe_mode_refuses_the_program(conv, tmp_path):
    model = keras.Sequential([keras.Input(SHAPE), HubLayer(conv[1])])
    model.save(tmp_path / "model.keras")
    expected = r"^A HubLayer runs the program .*'; if you trust it, pass safe_mode=False or .*\.$"
    expected = expected.replace("'; if", "', which safe mode forbids; if")
    with pytest.raises(ValueError, match=expected):
        keras.saving.load_model(tmp_path / "model.keras")
    with pytest.raises(ValueError, match=expected):
        HubLayer.from_config(model.layers[0].get_config())


def test_fine_tuned_model_is_exported_by_keras(conv, tmp_path):
    model = classifier(HubLayer(conv[1], part="features"))
    model.fit(*photos(), verbose=0)
    model.export(tmp_path / "exported", verbose=False)
    loaded = tf.saved_model.load(tmp_path / "exported")
    np.testing.assert_allclose(loaded.serve(IMAGES), model(IMAGES), atol=1e-6)


@pytest.mark.distributed
def test_layer_trains_under_a_mirrored_strategy(conv):
    # The two devices have to be there before TensorFlow starts, so it starts anew.
    script = """
        import json, sys
        import tensorflow as tf
        device = tf.config.list_physical_devices("CPU")[0]
        halves = [tf.config.LogicalDeviceConfiguration()] * 2
        tf.config.set_logical_device_configuration(device, halves)
        from hub_export.saved_model.hub_layer import HubLayer
        from tests.hub_export.saved_model.test_hub_layer import classifier, photos, unmoved, values
        strategy = tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"])
        with strategy.scope():
            model = classifier(HubLayer(sys.argv[1]))
        layer, (x, y) = model.layers[0], photos()
        start, before = model.evaluate(x, y, verbose=0), values(layer)
        model.fit(x, y, batch_size=12, epochs=25, verbose=0)
        copies = [[v.numpy() for v in w.value.values] for w in layer.trainable_weights]
        print(json.dumps({
            "replicas": sorted({len(copy) for copy in copies}),
            "apart": sum((a != b).any() for a, b in copies) > 0,
            "unmoved": unmoved(layer, before),
            "losses": [start, model.evaluate(x, y, verbose=0)],
        }, default=bool))
    """
    command = [sys.executable, "-c", textwrap.dedent(script), str(conv[1])]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    report = json.loads(done.stdout.splitlines()[-1])
    assert report["replicas"] == [2]
    assert not report["apart"]
    assert report["unmoved"] == []
    assert report["losses"][1] < 0.9 * report["losses"][0]


def test_other_backends_are_refused(conv, monkeypatch):
    monkeypatch.setattr(keras.backend, "backend", lambda: "jax")
    with pytest.raises(ValueError, match="received the backend 'jax'"):
        HubLayer(conv[1])


def test_model_of_any_size_stays_one(tmp_path):
    model = conv_mixer(input_shape=(None, None, 3))
    write_saved_model(model, tmp_path / "model")
    layer = HubLayer(tmp_path / "model")
    assert layer(keras.Input((None, None, 3))).shape == (None, 5)
    assert layer(np.zeros((2, 20, 44, 3), "float32")).shape == (2, 5)
