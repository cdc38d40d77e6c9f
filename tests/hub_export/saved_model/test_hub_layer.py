import json
import subprocess
import sys
import textwrap

import keras
import numpy as np
import pytest
import tensorflow as tf

from hub_export.saved_model.hub_layer import HubLayer
from keras_mixers.models.heads import features_of, without_softmax
from tests.helpers.export_models import MODELS, SHAPE, assert_same
from tests.helpers.fine_tuning import IMAGES, check_step, penalty, photos, unmoved, values


def classifier(*layers, optimizer=None):
    model = keras.Sequential([keras.Input(SHAPE), *layers, keras.layers.Dense(3)])
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(optimizer or keras.optimizers.AdamW(0.02), loss)
    return model


def shift(layer):
    """Change what a layer has learned, as training would."""
    for weight in layer.weights:
        if "float" in weight.dtype:
            weight.assign(weight + 0.1)


# The layer knows nothing of what is in the graph: a network with statistics and one with dropout.
EVERYDAY = ("ConvMixer", "MLPMixer")


@pytest.fixture(
    params=[
        pytest.param(kind, marks=[] if kind in EVERYDAY else [pytest.mark.slow]) for kind in MODELS
    ]
)
def exported(request, exports):
    return exports[request.param]


@pytest.fixture
def conv(exports):
    return exports["ConvMixer"]


@pytest.fixture(params=EVERYDAY)
def exported_alike(request, exports):
    return exports[request.param]


def test_layer_gives_what_the_model_gives(exported):
    model, path = exported.model, exported.path
    wanted = without_softmax(model)(255 * IMAGES)
    assert_same(HubLayer(path)(IMAGES), wanted, model)
    wanted = features_of(model)(255 * IMAGES)
    assert_same(HubLayer(path, part="features")(IMAGES), wanted, model)


def test_a_step_of_training_moves_the_layer_as_the_model(exported):
    model = classifier(HubLayer(exported.path), optimizer=keras.optimizers.SGD(1.0))
    layer, dense = model.layers
    head = dense.get_weights()
    x, y = photos()
    model.fit(x, y, batch_size=len(x), verbose=0)
    check_step(exported, layer, head)


def test_weights_are_those_of_the_model(exported):
    model = exported.model
    layer = HubLayer(exported.path, name="backbone")
    assert len(layer.weights) == len(model.variables)
    assert len(layer.trainable_weights) == len(model.trainable_weights)
    assert all(weight.path.startswith("backbone/") for weight in layer.weights)
    for weight, original in zip(layer.trainable_weights, model.trainable_weights, strict=True):
        np.testing.assert_array_equal(weight, original)


@pytest.mark.bfloat16
def test_layer_in_a_functional_model_knows_its_shape_and_dtype(conv):
    keras.config.set_dtype_policy("mixed_bfloat16")
    layer = HubLayer(conv.path, part="features")
    entry = keras.Input(SHAPE)
    features = layer(entry)
    assert (features.shape, features.dtype) == ((None, 8), "float32")
    assert layer.compute_output_shape((None, *SHAPE)) == (None, 8)
    model = keras.Model(entry, keras.layers.Dense(3)(features))
    assert model(np.zeros((2, *SHAPE), "float32")).shape == (2, 3)


def test_penalties_count_while_trainable(conv):
    layer = HubLayer(conv.path)
    layer(IMAGES, training=True)
    assert [float(loss) for loss in layer.losses] == [pytest.approx(penalty(conv.model))]
    layer.trainable = False
    layer(IMAGES, training=True)
    assert layer.losses == []


def test_frozen_layer_only_infers(exported_alike):
    layer = HubLayer(exported_alike.path, trainable=False)
    before = values(layer)
    expected = layer(IMAGES)
    model = classifier(layer)
    assert len(model.trainable_weights) == 2
    model.fit(*photos(), verbose=0)
    np.testing.assert_array_equal(layer(IMAGES, training=True), expected)
    assert len(unmoved(layer, before)) == len(layer.weights)


def test_layer_is_frozen_and_unfrozen_after_construction(conv):
    layer = HubLayer(conv.path)
    layer.trainable = False
    model = classifier(layer)
    before = values(layer)
    model.fit(*photos(), verbose=0)
    assert len(unmoved(layer, before)) == len(layer.weights)
    layer.trainable = True
    model = classifier(layer)
    model.fit(*photos(), verbose=0)
    assert unmoved(layer, before) == []
    assert len(model.trainable_weights) == 2 + len(conv.model.trainable_weights)


@pytest.mark.parametrize("frozen", [False, True])
def test_trained_weights_come_back_from_a_file(exported_alike, tmp_path, frozen):
    model = keras.Sequential(
        [keras.Input(SHAPE), HubLayer(exported_alike.path, "features"), keras.layers.Dense(3)]
    )
    untrained = model(IMAGES)
    shift(model.layers[0])
    model.layers[0].trainable = not frozen
    expected = model(IMAGES)
    assert np.abs(expected - untrained).max() > 1e-3
    model.save(tmp_path / "tuned.keras")
    loaded = keras.saving.load_model(tmp_path / "tuned.keras", safe_mode=False)
    np.testing.assert_array_equal(loaded(IMAGES), expected)
    assert loaded.layers[0].trainable is not frozen
    loaded.layers[0].trainable = True
    trainable = [weight.path for weight in loaded.layers[0].trainable_weights]
    model.layers[0].trainable = True
    assert trainable == [weight.path for weight in model.layers[0].trainable_weights]


def test_safe_mode_refuses_the_program(conv, tmp_path):
    model = keras.Sequential([keras.Input(SHAPE), HubLayer(conv.path)])
    model.save(tmp_path / "model.keras")
    expected = r"^A HubLayer runs the program .*'; if you trust it, pass safe_mode=False or .*\.$"
    expected = expected.replace("'; if", "', which safe mode forbids; if")
    with pytest.raises(ValueError, match=expected):
        keras.saving.load_model(tmp_path / "model.keras")
    with pytest.raises(ValueError, match=expected):
        HubLayer.from_config(model.layers[0].get_config())


def test_fine_tuned_model_is_exported_by_keras(conv, tmp_path):
    model = classifier(HubLayer(conv.path, part="features"))
    shift(model.layers[0])
    model.export(tmp_path / "exported", verbose=False)
    loaded = tf.saved_model.load(tmp_path / "exported")
    assert_same(loaded.serve(IMAGES), model(IMAGES), conv.model)


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
        from tests.helpers.fine_tuning import photos, unmoved, values
        from tests.hub_export.saved_model.test_hub_layer import classifier
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
    command = [sys.executable, "-c", textwrap.dedent(script), str(conv.path)]
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
        HubLayer(conv.path)


def test_model_of_any_size_stays_one(exports):
    layer = HubLayer(exports["any size"].path)
    assert layer(keras.Input((None, None, 3))).shape == (None, 5)
    assert layer(np.zeros((2, 20, 44, 3), "float32")).shape == (2, 5)
