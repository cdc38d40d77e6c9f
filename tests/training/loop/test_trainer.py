from functools import partial

import keras
import numpy as np
import pytest
import tensorflow as tf

from tests.helpers.rounding import assert_all_close, assert_close
from tests.helpers.runs import batch, network, repeated
from training.errors import TrainingError
from training.loop.callbacks import AverageWeights, StopOnNaN, Timing
from training.loop.mixed_precision import precision_scope
from training.loop.step_functions import WholeEpochs
from training.loop.trainer import Trainer
from training.losses import build_loss
from training.optimizer import SGD, AdamW

# Roundings of a step: sums of 48 numbers of an image, of 8 in the hidden layer and of 7 scores in
# the softmax; of 7, of 8 and of the 8 images of a batch on the way back; once more for what is
# between them.
STEP = 2 * (48 + 8 + 7 + 7 + 8 + 8)


def compiled(optimizer, accumulate=1, smoothing=0.0, steps=1, **arguments):
    model = Trainer(network(**arguments), accumulate)
    model.compile(optimizer, build_loss("softmax", smoothing), steps_per_execution=steps)
    return model


def fit(model, images, labels, epochs=2, steps=3, callbacks=(), **arguments):
    return model.fit(
        repeated(images, labels),
        steps_per_epoch=steps,
        epochs=epochs,
        callbacks=list(callbacks),
        shuffle=False,
        verbose=0,
        **arguments,
    )


def test_parts_give_the_gradient_of_the_whole_batch():
    images, labels = batch()
    whole, parts = (compiled(SGD(0.1), count) for count in (1, 4))
    expected = whole.backward(images, labels)
    found = tf.function(parts.backward_in_parts)(images, labels)
    assert_close(found[0], expected[0], STEP)
    assert_close(found[1], expected[1], STEP)
    assert_all_close(found[2], expected[2], STEP)
    assert all(np.abs(gradient).max() > 0 for gradient in expected[2])


def test_parts_train_the_same_weights_and_count_the_same():
    images, labels = batch()
    results = []
    for count in (1, 4):
        model = compiled(SGD(0.1, global_clipnorm=1.0), count, smoothing=0.1)
        results.append((fit(model, images, labels).history, model.network.get_weights()))
    (history, weights), (other_history, other_weights) = results
    assert_all_close(other_weights, weights, 6 * STEP)
    assert sorted(history) == ["loss", "top1", "top5"]
    for name, values in history.items():
        assert_close(np.float32(other_history[name]), np.float32(values), 6 * STEP)


def test_data_is_read_once_an_epoch_under_a_strategy():
    """Keras begins to read it once more, whose end cut short what `cache` kept."""
    images, labels = batch(24)
    begun = []

    def batches():
        begun.append(None)
        for i in range(0, 24, 8):
            yield images[i : i + 8], labels[i : i + 8].argmax(-1)

    spec = (tf.TensorSpec((8, *images.shape[1:])), tf.TensorSpec((8,), tf.int64))
    seen = tf.data.Dataset.from_generator(batches, output_signature=spec)
    seen = seen.apply(tf.data.experimental.assert_cardinality(3))
    with tf.distribute.OneDeviceStrategy("/cpu:0").scope():
        model = compiled(SGD(0.1))
        fit(model, images[:8], labels[:8], validation_data=seen)
    assert len(begun) == 2


def test_executions_end_with_the_epoch():
    """Keras's own go on past it, where an epoch's 5 steps do not divide by 3."""
    images, labels = batch(8)
    models = [compiled(SGD(0.1), steps=count) for count in (1, 3)]
    for model in models:
        fit(model, images, labels, steps=5, callbacks=[WholeEpochs()])
    assert [int(model.optimizer.iterations.numpy()) for model in models] == [10, 10]
    assert_all_close(*(model.network.get_weights() for model in models), 10 * STEP)


def test_all_is_measured_whatever_is_executed_at_once():
    images, labels = batch(24)
    seen = tf.data.Dataset.from_tensor_slices((images, labels.argmax(-1))).batch(8)
    one, two = (
        compiled(SGD(0.1), steps=count).evaluate(seen, return_dict=True, verbose=0)
        for count in (1, 2)
    )
    assert one == two


def test_the_step_is_keras_own():
    images, labels = batch()
    # An epsilon that no rounding of a gradient comes near: Adam divides by it.
    make = partial(AdamW, 0.01, weight_decay=0.05, epsilon=1e-3, global_clipnorm=1.0)
    model, stock = compiled(make()), network()
    fit(model, images, labels)
    stock.compile(make(), build_loss("softmax"))
    fit(stock, images, labels)
    assert_all_close(model.network.get_weights(), stock.get_weights(), 6 * STEP)


def test_shares_of_mixed_and_of_plain_labels():
    images, labels = batch(images=4, classes=7)
    model = compiled(SGD(0.0))
    scores = model.network.predict(images, verbose=0)
    best = scores.argmax(axis=-1)
    fifth = np.argsort(-scores, axis=-1)[:, 4]
    # The largest part counts; one image in four is right.
    labels = 0.4 * np.eye(7)[best] + 0.6 * np.eye(7)[fifth]
    labels[0] = 0.6 * np.eye(7)[best[0]] + 0.4 * np.eye(7)[fifth[0]]
    logs = model.train_on_batch(images, labels.astype("float32"), return_dict=True)
    assert (logs["top1"], logs["top5"]) == (0.25, 1.0)
    plain = tf.data.Dataset.from_tensor_slices((images.astype("uint8"), best)).batch(3)
    shifted = model.network.predict(images.astype("uint8"), verbose=0)
    measured = model.evaluate(plain, return_dict=True, verbose=0)
    assert measured["top1"] == (shifted.argmax(axis=-1) == best).mean()
    expected = keras.losses.SparseCategoricalCrossentropy(from_logits=True)(best, shifted)
    assert_close(np.float32(measured["loss"]), expected, STEP)


def test_few_classes_have_a_top5_too():
    images, labels = batch(classes=2)
    assert compiled(SGD(0.0), classes=2).train_on_batch(images, labels, return_dict=True)["top5"]


def test_the_step_of_the_first_nan_is_named():
    images, labels = batch()
    broken = images.copy()
    broken[3] = np.nan
    data = tf.data.Dataset.from_tensors((images, labels)).repeat(4)
    data = data.concatenate(tf.data.Dataset.from_tensors((broken, labels))).repeat()
    model = compiled(SGD(0.01))
    with pytest.raises(TrainingError) as caught:
        model.fit(
            data, steps_per_epoch=3, epochs=3, callbacks=[StopOnNaN(3)], shuffle=False, verbose=0
        )
    assert str(caught.value) == (
        "The loss was nan at step 5, which is step 2 of 3 in epoch 2; try a lower learning rate, a "
        "smaller clip_norm, or float32."
    )


def test_measured_with_the_average_trained_without_it():
    images, labels = batch()
    held_out = tf.data.Dataset.from_tensors((images, labels.argmax(-1)))
    optimizers = [SGD(0.5, use_ema=True, ema_momentum=0.9) for _ in range(3)]
    plain, averaged, by_keras = (compiled(optimizer) for optimizer in optimizers)
    fit(plain, images, labels)
    mine = fit(averaged, images, labels, callbacks=[AverageWeights(2)], validation_data=held_out)
    swap = keras.callbacks.SwapEMAWeights()
    keras_own = fit(by_keras, images, labels, callbacks=[swap], validation_data=held_out)
    # Measuring leaves no trace, and `fit` ends with the average.
    for one, other in zip(plain.get_weights(), averaged.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)
    losses = (np.float32(run.history["val_loss"]) for run in (mine, keras_own))
    assert_close(*losses, 6 * STEP)
    after = averaged.evaluate(held_out, return_dict=True, verbose=0)
    assert after["loss"] == mine.history["val_loss"][-1]
    assert mine.history["val_loss"][-1] != mine.history["loss"][-1]


def test_float16_scales_the_loss_as_keras_does():
    images, labels = batch()
    before, moved = network().get_weights(), []
    for wrapped in (True, False):
        with precision_scope("float16"):
            plain = network()
            model = Trainer(plain) if wrapped else plain
            model.compile(SGD(0.1), build_loss("softmax"))
        assert isinstance(model.optimizer, keras.optimizers.LossScaleOptimizer)
        fit(model, images, labels)
        pairs = zip(plain.get_weights(), before, strict=True)
        moved.append(np.concatenate([(one - other).ravel() for one, other in pairs]))
    # Gradients of three digits; one that is not scaled back is 2 ** 15 times too large.
    np.testing.assert_allclose(*moved, rtol=0, atol=0.1 * np.abs(moved[1]).max())
    assert np.abs(moved[1]).max() > 1e-3


@pytest.mark.parametrize("count", [1, 2])
def test_float16_skips_a_step_that_overflows(count):
    images, labels = batch()
    with precision_scope("float16"):
        model = compiled(SGD(0.1), count)
    model.optimizer.build(model.trainable_variables)
    model.optimizer.dynamic_scale.assign(2.0**40)
    before = model.network.get_weights()
    model.train_on_batch(images, labels)
    for one, other in zip(before, model.network.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)
    assert float(model.optimizer.dynamic_scale) == 2.0**39
    assert int(model.optimizer.iterations) == 0


def test_an_epochs_rate_is_that_of_its_last_step():
    images, labels = batch()
    timing = Timing(lambda step: 10.0 * step, batch_size=8, steps=3)
    history = fit(compiled(SGD(0.1)), images, labels, callbacks=[timing]).history
    assert history["learning_rate"] == [20.0, 50.0]
    assert min(history["seconds"]) > 0
    assert timing.images_per_second == pytest.approx(history["images_per_second"][1])
