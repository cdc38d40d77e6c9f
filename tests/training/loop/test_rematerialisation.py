import keras
import numpy as np
import pytest
import tensorflow as tf

from keras_mixers import ConvMixer, MLPMixer, ResMLP, T2TViT, gMLP
from tests.helpers.rounding import assert_all_close, assert_close
from training.loop.memory_estimate import peak_bytes
from training.loop.mixed_precision import precision_scope
from training.loop.rematerialisation import Remat, rematerialise_blocks

RATES = {"drop_rate": 0.2, "drop_path_rate": 0.5}
# No network here has more, there and back: T2T-ViT adds up 147 pixels, twice 64 tokens and, in a
# few layers, up to 600 channels; and on the way back 64 tokens of each of 32 images.
ROUNDINGS = 5000


def build(family, depth=2, mixer="performer"):
    keras.utils.set_random_seed(0)
    top = {"classes": 3, "classifier_activation": None}
    if family == "ConvMixer":
        model = ConvMixer(8, depth, 4, 3, input_shape=(16, 16, 3), **top)
    elif family == "MLPMixer":
        model = MLPMixer(8, depth, 4, input_shape=(16, 16, 3), **RATES, **top)
    elif family == "ResMLP":
        model = ResMLP(8, depth, 4, input_shape=(16, 16, 3), initial_scale=0.5, **RATES, **top)
    elif family == "gMLP":
        model = gMLP(8, depth, 4, input_shape=(16, 16, 3), **RATES, **top)
    else:
        shape = {"token_mixer": mixer, "input_shape": (32, 32, 3)}
        model = T2TViT(8, depth, 2, **shape, **RATES, **top)
    head = model.get_layer("head").kernel
    head.assign(np.random.default_rng(1).normal(size=head.shape))
    return model


def images(model, count=32):
    shape = (count, *model.input.shape[1:])
    return tf.constant(np.random.default_rng(0).uniform(0, 255, shape).astype("float32"))


def backward(network, variables):
    def step(pixels):
        with tf.GradientTape() as tape:
            loss = tf.reduce_mean(network(pixels, training=True) ** 2)
        return loss, tape.gradient(loss, variables)

    return step


@pytest.mark.parametrize(
    ("family", "depth", "least"),
    [
        ("ConvMixer", 4, 0.7),
        ("MLPMixer", 2, 0.7),
        pytest.param("T2TViT", 1, 0.9, marks=pytest.mark.slow),
        pytest.param("ResMLP", 2, 0.9, marks=pytest.mark.slow),
        pytest.param("gMLP", 2, 0.9, marks=pytest.mark.slow),
    ],
)
def test_gradients_masks_and_statistics_are_the_same_in_less_memory(family, depth, least):
    found = []
    for again in (False, True):
        model = build(family, depth)
        network = rematerialise_blocks(model) if again else model
        step = tf.function(backward(network, model.trainable_variables))
        steps = [step(images(model)) for _ in range(2)]
        memory = peak_bytes(step.get_concrete_function(images(model)).graph)
        found.append((steps, model.non_trainable_variables, memory))
    (steps, state, whole), (steps_again, state_again, part) = found
    check_equal(steps, steps_again)
    # Batch statistics moved once a step, and so did the seeds of dropout, which are integers.
    for one, other in zip(state, state_again, strict=True):
        if "int" in one.dtype:
            np.testing.assert_array_equal(other, one)
        else:
            assert_close(other, one, ROUNDINGS)
    if family != "ConvMixer":
        assert steps[0][0] != steps[1][0]
    # Each block keeps its input alone. T2T-ViT needs most in its first attention, of 64 tokens.
    assert part < least * whole


def check_equal(steps, steps_again):
    for (loss, gradients), (loss_again, gradients_again) in zip(steps, steps_again, strict=True):
        assert_close(loss_again, loss, ROUNDINGS)
        assert_all_close(gradients_again, gradients, ROUNDINGS)
    assert np.abs(steps[0][1][0]).max() > 0


def test_without_a_graph():
    found = []
    for again in (False, True):
        model = build("MLPMixer")
        network = rematerialise_blocks(model) if again else model
        step = backward(network, model.trainable_variables)
        found.append([step(images(model)) for _ in range(2)])
    check_equal(*found)


def test_t2t_attention_without_modes():
    model = build("T2TViT", depth=1, mixer="transformer")
    plain = backward(model, model.trainable_variables)(images(model))[1]
    again = build("T2TViT", depth=1, mixer="transformer")
    network = rematerialise_blocks(again)
    assert isinstance(network.get_layer("remat_token_mixer_0"), Remat)
    other = backward(network, again.trainable_variables)(images(again))[1]
    assert_all_close(other, plain, ROUNDINGS)


def test_half_precision():
    with precision_scope("float16"):
        model = build("ConvMixer")
        network = rematerialise_blocks(model)
    step = backward(network, model.trainable_variables)
    plain = backward(model, model.trainable_variables)
    for one, other in zip(step(images(model))[1], plain(images(model))[1], strict=True):
        np.testing.assert_array_equal(one, other)
    assert network.get_layer("remat_block_0").compute_dtype == "float16"


def test_the_weights_are_shared():
    model = build("ConvMixer")
    network = rematerialise_blocks(model)
    shared = zip(network.trainable_variables, model.trainable_variables, strict=True)
    assert all(one is other for one, other in shared)
    assert sum(isinstance(layer, Remat) for layer in network.layers) == 2
    assert not any(isinstance(layer, Remat) for layer in model.layers)
    np.testing.assert_array_equal(network(images(model)), model(images(model)))


def test_a_model_without_blocks():
    model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(2)], name="plain")
    with pytest.raises(ValueError, match="must be False for plain, which has no blocks"):
        rematerialise_blocks(model)
