"""Trains the same small network, on the same data, with Keras's own `fit` and with ours."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from keras_mixers import ConvMixer, MLPMixer
from tests.helpers.local_replicas import largest_difference
from training.devices import Devices
from training.distributed.strategy import distribute_batches, prepare_for_replicas
from training.loop.step_functions import WholeEpochs
from training.loop.trainer import Trainer

STEPS, EPOCHS, BATCH, CLASSES = 3, 2, 8, 7
# Adam multiplies the rounding of a gradient by up to rate / epsilon, here 10.
ADAMW = {"learning_rate": 0.01, "weight_decay": 0.05, "epsilon": 1e-3}


@dataclass(frozen=True)
class Setting:
    """What is trained on one device and on two replicas.

    Attributes:
        name: Name of the table's row.
        both: Options of Keras's AdamW on both sides.
        stock: Further options of AdamW on Keras's side.
        accumulate: Number of parts of a batch whose gradients are accumulated, on our side.
        batch_norm: Whether the network has batch normalisation.
        steps: Number of steps per execution.
        broken: Whether the loss is scaled and an image of the second replica is NaN.
        dropout: The network's dropout rate.
    """

    name: str
    both: Mapping[str, Any] = field(default_factory=dict)
    stock: Mapping[str, Any] = field(default_factory=dict)
    accumulate: int = 1
    batch_norm: bool = False
    steps: int = 1
    broken: bool = False
    dropout: float = 0.0


def network(setting: Setting) -> keras.Model:
    """Return a small network, always the same, all of whose weights have gradients."""
    keras.utils.set_random_seed(0)
    shared = {"input_shape": (16, 16, 3), "classes": CLASSES, "classifier_activation": None}
    if setting.batch_norm:
        model = ConvMixer(8, 2, 4, 3, **shared)
    else:
        model = MLPMixer(8, 2, 4, drop_rate=setting.dropout, **shared)
    kernel = model.get_layer("head").kernel
    kernel.assign(np.random.default_rng(1).normal(size=kernel.shape))
    return model


def compiled_model(setting: Setting, strategy: tf.distribute.Strategy, ours: bool) -> keras.Model:
    """Return the compiled model of one side, built in a strategy's scope."""
    with strategy.scope():
        net = network(setting)
        model = Trainer(net, setting.accumulate) if ours else net
        options = {**ADAMW, **setting.both, **({} if ours else setting.stock)}
        optimizer = keras.optimizers.AdamW(**options)
        if setting.broken:
            optimizer = keras.optimizers.LossScaleOptimizer(optimizer, initial_scale=1024.0)
        model.compile(
            optimizer,
            keras.losses.CategoricalCrossentropy(from_logits=True),
            steps_per_execution=setting.steps,
        )
        optimizer.build(model.trainable_variables)
    return model


def batches(
    setting: Setting, strategy: tf.distribute.Strategy, worker: int | None
) -> tf.data.Dataset:
    """Return endless batches; a worker gets its half of each."""
    rng = np.random.default_rng(0)
    images = rng.uniform(0, 255, (STEPS, BATCH, 16, 16, 3)).astype("float32")
    labels = np.eye(CLASSES, dtype="float32")[rng.integers(0, CLASSES, (STEPS, BATCH))]
    if setting.broken:
        images[1, BATCH - 1] = np.nan
    if worker is not None:
        own = slice(worker * BATCH // 2, (worker + 1) * BATCH // 2)
        images, labels = images[:, own], labels[:, own]
    data = tf.data.Dataset.from_tensor_slices((images, labels)).repeat()
    return distribute_batches(data, strategy, BATCH)


def fit_weights(
    model: keras.Model,
    setting: Setting,
    worker: int | None = None,
    callbacks: Sequence[keras.callbacks.Callback] = (),
    first: int = 0,
) -> list[np.ndarray]:
    """Train a model and return its weights."""
    strategy = model.distribute_strategy
    ours = [WholeEpochs()] if isinstance(model, Trainer) else []
    with prepare_for_replicas(model, strategy, Devices()) if ours else strategy.scope():
        model.fit(
            batches(setting, strategy, worker),
            steps_per_epoch=STEPS,
            initial_epoch=first,
            epochs=EPOCHS,
            shuffle=False,
            verbose=0,
            callbacks=[*callbacks, *ours],
        )
    return [variable.numpy() for variable in model.trainable_variables]


def difference_to_one_device(
    setting: Setting, two: tf.distribute.Strategy, ours: bool, worker: int | None = None
) -> float:
    """Return the largest difference between the weights of two replicas and of one device."""
    replicas = fit_weights(compiled_model(setting, two, ours), setting, worker)
    one = tf.distribute.get_strategy()
    return largest_difference(replicas, fit_weights(compiled_model(setting, one, ours), setting))
