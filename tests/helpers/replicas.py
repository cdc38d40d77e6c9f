"""What the tests in tests/training/distributed/ run in processes of their own.

`python -m tests.helpers.replicas GROUP mirrored` has two CPUs, and `GROUP multiworker` is one of
two processes that TF_CONFIG names. It prints one JSON object: differences by name.
"""

import json
import sys
import tempfile
from dataclasses import replace
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf

from keras_mixers.inference import load_classifier
from tests.helpers.local_replicas import largest_difference, logical_cpus
from tests.helpers.replica_settings import ADAMW, EPSILON, Setting, averaged, settings
from tests.helpers.runs import batch, network, stochastic, tiny
from training.devices import Devices
from training.distributed.cluster import cluster_of, read_cluster
from training.distributed.strategy import distribute_batches, open_strategy, prepare_for_replicas
from training.loop import callbacks
from training.loop.callbacks import AverageWeights, Checkpoints
from training.loop.mixed_precision import precision_scope
from training.loop.trainer import Trainer
from training.losses import build_loss
from training.optimizer import SGD, AdamW
from training.train import train


def recipes(strategy):
    """Train recipes on one device and on two; images, labels, schedule and seeds are the same."""
    found = {}
    for name, setting in settings().items():
        one, two = setting.trained(strategy)
        found[name] = largest_difference(one.network.get_weights(), two.network.get_weights())
        found[f"{name}, loss"] = abs(one.loss - two.loss)
    layers = two.network._flatten_layers()
    one, two = averaged().trained(strategy)
    # What it has learnt of the images' statistics depends on how many parts there are.
    pair = ([v.numpy() for v in run.network.trainable_variables] for run in (one, two))
    found["averaged batch norm"] = largest_difference(*pair)
    # With PyTorch's epsilon Adam makes whole steps of gradients that are nothing but rounding: of a
    # bias that the next LayerNorm takes away again.
    one, two = Setting(tiny(optimizer=replace(ADAMW, epsilon=1e-8), mix_slices=2)).trained(strategy)
    pair = (
        [v.numpy() for v in run.network.variables if "token_mlp/dense_1/bias" not in v.path]
        for run in (one, two)
    )
    found["epsilon 1e-8, biases without a gradient left out"] = largest_difference(*pair)
    synchronised = [v.name for v in layers if getattr(v, "synchronized", False)]
    return found | {"layers left synchronised": len(synchronised)}


def on(devices, optimizer, precision="float32", wrap=Trainer):
    """Return a small compiled model on these devices."""
    with devices.scope(), precision_scope(precision):
        model = wrap(network())
        model.compile(optimizer(), build_loss("softmax"))
        model.optimizer.build(model.trainable_variables)
    return model


def batches_of_8(model, images, labels, times=1):
    """Return batches for a model's devices; a worker gets its own half of each."""
    data = tf.data.Dataset.from_tensors((images, labels)).unbatch().repeat(times)
    strategy = model.distribute_strategy
    if not isinstance(strategy, tf.distribute.MultiWorkerMirroredStrategy):
        return data.batch(8)
    index = read_cluster().index
    own = data.enumerate().filter(lambda i, _: i % 8 // 4 == index).map(lambda _, pair: pair)
    return distribute_batches(own.batch(4), strategy, 8)


def steps(model, images, labels, epochs=2, seen=None, **arguments):
    """Fit a model to batches of 8, and measure it with `seen`."""
    if seen is not None:
        arguments["validation_data"] = batches_of_8(model, *seen)
    return model.fit(
        batches_of_8(model, images, labels, times=-1),
        steps_per_epoch=len(images) // 8,
        epochs=epochs,
        shuffle=False,
        verbose=0,
        **arguments,
    ).history


def both(strategy):
    """Return one device, and two replicas."""
    devices = Devices(strategy)
    two = open_strategy(devices, cluster_of(devices))
    return tf.distribute.get_strategy(), two


def uneven(strategy):
    """Measure images that two replicas can't share out evenly."""
    images, labels = batch(24)
    found = {}
    # The last of these batches have 3 images (2 + 1), and 1, of which one replica gets none.
    for held_out in (11, 9):
        seen = images[:held_out], labels[:held_out].argmax(-1)
        histories = [
            steps(
                on(devices, lambda: SGD(0.1, use_ema=True, ema_momentum=0.9)),
                images,
                labels,
                seen=seen,
                callbacks=[AverageWeights(2)],
            )
            for devices in both(strategy)
        ]
        found[f"{held_out} held-out images"] = max(
            float(np.abs(np.subtract(histories[0][name], histories[1][name])).max())
            for name in ("loss", "top1", "val_loss", "val_top1", "val_top5")
        )
    return found


def scales(strategy):
    """Fit models whose loss is scaled, with and without an image that is NaN."""
    images, labels = batch(24)
    found = {}
    # NaN is in the second replica's half, and in the second of three steps.
    broken = images.copy()
    broken[14] = np.nan
    for name, pixels, precision in (
        ("float16", images, "float16"),
        ("float16, NaN on the second", broken, "float16"),
        ("scaled loss, NaN on the second", broken, "float32"),
    ):
        one, two = (on(devices, scaled, precision) for devices in both(strategy))
        for model in (one, two):
            model.optimizer.dynamic_scale.assign(1024.0)
            steps(model, pixels, labels)
        found[name] = largest_difference(one.network.get_weights(), two.network.get_weights())
        found[f"{name}, steps"] = [int(np.array(m.optimizer.iterations)) for m in (one, two)]
        here = two.distribute_strategy.experimental_local_results
        copies = [here(variable.value) for variable in two.network.variables]
        found[f"{name}, between replicas"] = largest_difference(
            *((c[i] for c in copies) for i in (0, -1))
        )
    return found


def our_optimizer(strategy):
    """Fit with Keras's own step, without clipping."""
    images, labels = batch(24)
    stock = [
        on(devices, lambda: AdamW(0.01, 0.05, epsilon=EPSILON), wrap=lambda x: x)
        for devices in both(strategy)
    ]
    for model in stock:
        steps(model, images, labels)
    return {
        "our AdamW under Keras's own fit": largest_difference(*(m.get_weights() for m in stock))
    }


def scaled():
    """Return an optimizer that scales the loss, also of a network in float32."""
    return keras.optimizers.LossScaleOptimizer(SGD(0.1, global_clipnorm=1.0))


def noise(strategy):
    """Count what dropout leaves on each of two replicas."""
    devices = both(strategy)[1]
    with devices.scope():
        net = keras.Sequential([keras.Input((64,)), keras.layers.Dropout(0.5, seed=3)])

    def masks():
        run = tf.function(lambda: devices.run(lambda: net(tf.ones((1, 64)), training=True)))
        return np.array(devices.gather(run(), axis=0))

    same = masks()
    with prepare_for_replicas(net, devices, Devices(strategy)):
        first, second = masks(), masks()
    return {
        "equal without seeds of their own": float((same[0] == same[1]).mean()),
        "equal on both": float((first[0] == first[1]).mean()),
        "equal in both steps": float((first[1] == second[1]).mean()),
    }


def crashes(strategy):
    """Go on after crashes within a process."""
    with tempfile.TemporaryDirectory() as place:
        whole, part = Path(place, "whole"), Path(place, "part")
        train(stochastic(), whole, quiet=True, devices=Devices(strategy))
        for saves in (2, 3):  # In the middle of the first epoch, then of what is left of it.
            crash(part, saves)
        train(stochastic(), part, quiet=True, devices=Devices(strategy))
        weights = [load_classifier(path / "model.keras").get_weights() for path in (whole, part)]
    return {"after two crashes": largest_difference(*weights)}


def crash(folder, saves):
    """Train until so many checkpoints were written, one a step."""
    save, between = Checkpoints._save, callbacks.SECONDS_BETWEEN_CHECKPOINTS
    counted = []

    def counting(self, step):
        save(self, step)
        counted.append(step)
        if len(counted) == saves:
            raise KeyboardInterrupt

    Checkpoints._save, callbacks.SECONDS_BETWEEN_CHECKPOINTS = counting, -1
    try:
        train(stochastic(), folder, quiet=True, devices=Devices("mirrored"))
    except KeyboardInterrupt:
        return
    finally:
        Checkpoints._save, callbacks.SECONDS_BETWEEN_CHECKPOINTS = save, between
    raise AssertionError("The run should have crashed.")


GROUPS = {
    group.__name__: group for group in (recipes, uneven, scales, our_optimizer, noise, crashes)
}

if __name__ == "__main__":
    _, *names, strategy = sys.argv
    if strategy == "mirrored":
        logical_cpus(2)
    both(strategy)  # Before TensorFlow computes anything.
    found = {}
    for name in names:
        found |= GROUPS[name](strategy)
    print(json.dumps(found))
