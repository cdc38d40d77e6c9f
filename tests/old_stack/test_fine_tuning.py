"""TensorFlow 2.15, Keras 2.15 and tensorflow-addons load the SavedModels and fine-tune them.

They run on what `python -m tests.old_stack.export FOLDER` wrote; the environment variable
OLD_STACK_EXPORTS names the folder. Nothing of this project is imported.
"""

import os
from importlib.metadata import version
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest
import tensorflow as tf
import tensorflow_addons as tfa
import tensorflow_hub as hub

FOLDER = Path(os.environ["OLD_STACK_EXPORTS"])
CLASSES = 5
FAMILIES = ("ConvMixer", "MLPMixer", "T2TViT", "ViT", "ResMLP", "gMLP")
# The parts of a family's model: folder, and prefix of what its .npz says of it.
PARTS = {"classifier": ("", ""), "feature vector": ("-feature-vector", "features_")}
EPOCHS, BATCHES = 10, 4
DECAY = 1e-4
OPTIMIZERS = {
    "LAMB": lambda: tfa.optimizers.LAMB(learning_rate=0.02),
    "AdamW": lambda: tfa.optimizers.AdamW(weight_decay=DECAY, learning_rate=0.005),
}


class Tuned(NamedTuple):
    """A layer before and after fine-tuning."""

    layer: hub.KerasLayer
    before: dict[str, np.ndarray]
    losses: dict[str, float]


@pytest.fixture(scope="module", params=FAMILIES)
def family(request):
    return request.param


@pytest.fixture(scope="module", params=PARTS)
def part(request):
    return request.param


@pytest.fixture(scope="module")
def expected(family, part):
    """What the new stack computed with this part of the model."""
    with np.load(FOLDER / f"{family}.npz") as content:
        arrays = dict(content)
    prefix = PARTS[part][1]
    return {
        "images": arrays["images"],
        "outputs": arrays["logits" if part == "classifier" else "features"],
        "statistics": int(arrays["statistics"]),
        "rounding": float(arrays["rounding"]),
        "losses": arrays[f"{prefix}losses"],
        "trainable": int(arrays[f"{prefix}trainable"]),
    }


@pytest.fixture(scope="module")
def path(family, part):
    return str(FOLDER / f"{family}{PARTS[part][0]}")


@pytest.fixture
def say(capsys, family, part):
    def write(text):
        with capsys.disabled():
            print(f"\n{family} {part}: {text}", end=" ")

    return write


def data():
    """Return images of five colours under noise, and the numbers of the colours."""
    random = np.random.default_rng(0)
    numbers = np.arange(16 * BATCHES) % CLASSES
    colours = random.random((CLASSES, 1, 1, 3))[numbers]
    noise = random.random((len(numbers), 32, 32, 3))
    return (0.7 * colours + 0.3 * noise).astype("float32"), numbers


@pytest.fixture(scope="module", params=OPTIMIZERS)
def optimizer(request):
    return request.param


@pytest.fixture(scope="module")
def tuned(path, part, optimizer):
    tf.keras.utils.set_random_seed(0)
    layer = hub.KerasLayer(path, trainable=True)
    model = tf.keras.Sequential([tf.keras.Input((32, 32, 3)), layer])
    if part == "feature vector":
        model.add(tf.keras.layers.Dense(CLASSES))
    model.compile(
        OPTIMIZERS[optimizer](),
        tf.keras.losses.SparseCategoricalCrossentropy(from_logits=True),
    )
    images, numbers = data()
    before = {weight.name: weight.numpy() for weight in layer.weights}
    losses = {"before": model.evaluate(images, numbers, verbose=0)}
    model.fit(images, numbers, batch_size=16, epochs=EPOCHS, verbose=0)
    losses["after"] = model.evaluate(images, numbers, verbose=0)
    return Tuned(layer, before, losses)


def unmoved(tuned, names):
    """Return those of the variables that moved no further than weight decay alone moves them."""
    decayed = (1 - DECAY) ** (EPOCHS * BATCHES)
    after = {weight.name: weight.numpy() for weight in tuned.layer.weights}

    def distance(name, share):
        return np.abs(after[name] - share * tuned.before[name]).max()

    return [name for name in names if min(distance(name, 1), distance(name, decayed)) < 1e-4]


def test_it_is_the_old_stack():
    assert tf.__version__.startswith("2.15.")
    assert version("keras").startswith("2.15.")
    assert tfa.__version__ == "0.23.0"


def test_outputs_are_those_of_the_new_stack(path, expected, say):
    outputs = hub.KerasLayer(path)(expected["images"]).numpy()
    assert np.ptp(outputs, axis=0).min() > 0.01  # They depend on the image.
    difference = np.abs(outputs - expected["outputs"]).max()
    say(f"largest difference {difference:.1e}")
    assert outputs.shape == expected["outputs"].shape
    assert difference <= expected["rounding"]


def test_features_of_a_classifier_are_its_feature_vector(family):
    with np.load(FOLDER / f"{family}.npz") as content:
        images, features, rounding = (content[k] for k in ("images", "features", "rounding"))
    layer = hub.KerasLayer(hub.load(str(FOLDER / family)).features, trainable=True)
    assert np.abs(layer(images) - features).max() <= rounding


def test_regularization_losses_are_those_of_the_new_stack(family, path, expected):
    losses = hub.KerasLayer(path, trainable=True).losses
    assert len(losses) == (len(expected["losses"]) if family == "ConvMixer" else 0)
    # Sums of up to 4 * 4 * 3 * 8 squares.
    np.testing.assert_allclose(losses, expected["losses"], rtol=2 * 2**-23 * 384**0.5)
    assert family != "ConvMixer" or sum(losses) > 0.01


def test_training_differs_from_inference(path, expected):
    layer = hub.KerasLayer(path, trainable=True)
    inference, training = (layer(expected["images"], training=mode) for mode in (False, True))
    assert np.abs(training - inference).max() > 1e-3


def test_the_loss_falls(tuned, optimizer, say):
    say(f"{optimizer}, loss {tuned.losses['before']:.3f} -> {tuned.losses['after']:.3f}")
    assert tuned.losses["after"] < 0.8 * tuned.losses["before"]


def test_every_trainable_weight_moves(tuned, expected):
    names = [weight.name for weight in tuned.layer.trainable_weights]
    assert len(set(names)) == len(names) == expected["trainable"]
    assert unmoved(tuned, names) == []


def test_running_statistics_move_and_tables_stay(tuned, expected):
    fixed = [weight.name for weight in tuned.layer.non_trainable_weights]
    statistics = [name for name in fixed if "moving_" in name]
    tables = [name for name in fixed if "table" in name or "random_features" in name]
    assert len(statistics) == expected["statistics"]
    assert unmoved(tuned, statistics) == []
    assert unmoved(tuned, tables) == tables
