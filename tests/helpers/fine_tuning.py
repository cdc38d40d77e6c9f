"""Exports as layers of a larger model: what they are trained on, and which weights it moves."""

import keras
import numpy as np

from keras_mixers.models.heads import without_softmax
from tests.helpers.export_models import (
    PENALTY,
    SHAPE,
    Export,
    copy_of,
    head_kernels,
    images_up_to_one,
    penalise_head,
)
from tests.helpers.rounding import assert_close, roundings_in

IMAGES = images_up_to_one(3)


def photos() -> tuple[np.ndarray, np.ndarray]:
    """Return 12 images of 3 classes: in each another colour is bright."""
    labels = np.arange(12) % 3
    noise = np.random.default_rng(2).random((12, *SHAPE), dtype="float32")
    return (noise + np.eye(3, dtype="float32")[labels][:, None, None]) / 2, labels


def penalty(model: keras.Model) -> float:
    """Return what a perturbed model's head is penalised with."""
    return PENALTY * sum(float((kernel.numpy() ** 2).sum()) for kernel in head_kernels(model))


def check_step(export: Export, layer, head: list[np.ndarray]) -> None:
    """Assert that a step of SGD(1.0) moved a layer to where it would have moved the model.

    Args:
        export: what the layer was made of.
        layer: after a step on the photos, below a Dense layer.
        head: the weights that the Dense layer had before.
    """
    backbone = without_softmax(copy_of(export.model))
    penalise_head(backbone)
    dense = keras.layers.Dense(3)
    scaled = keras.layers.Rescaling(255.0)
    model = keras.Sequential([keras.Input(SHAPE), scaled, backbone, dense])
    dense.set_weights(head)
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(keras.optimizers.SGD(1.0), loss, run_eagerly=True)
    before = [weight.numpy() for weight in backbone.trainable_weights]
    x, y = photos()
    model.fit(x, y, batch_size=len(x), verbose=0)
    moves = [np.abs(w - b).max() for w, b in zip(backbone.trainable_weights, before, strict=True)]
    assert max(moves) > 1e-2
    ids = {id(weight) for weight in backbone.trainable_weights}
    others = [weight for weight in backbone.variables if id(weight) not in ids]
    # Forward, back, and summed over all images and positions.
    count = 3 * roundings_in(export.model.weights) + len(x) * 8 * 8
    wanted = [*backbone.trainable_weights, *others]
    found = [*layer.trainable_weights, *layer.non_trainable_weights]
    for weight, expected in zip(found, wanted, strict=True):
        if "float" in expected.dtype:
            assert_close(weight, expected, count)
        else:  # How often dropout drew.
            np.testing.assert_array_equal(weight, expected)


def values(layer) -> list[np.ndarray]:
    return [weight.numpy() for weight in layer.weights]


def unmoved(layer, before: list[np.ndarray]) -> list[int]:
    """Return the indices of the weights that are what they were."""
    now = values(layer)
    return [i for i, old in enumerate(before) if (now[i] == old).all()]


def check_moved(layer, before: list[np.ndarray]) -> None:
    """Assert that training moved all that it should: T2T's tables and random features rest.

    Weight decay moves each trainable weight, also one whose gradient is nothing but rounding.
    """
    moving = {id(weight) for weight in layer.trainable_weights}
    for i in unmoved(layer, before):
        weight = layer.weights[i]
        assert id(weight) not in moving
        assert not any(word in weight.name for word in ("moving", "seed"))
