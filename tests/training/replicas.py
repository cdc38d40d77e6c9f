"""What tests/training/test_strategy.py runs in processes of their own, which have two CPUs.

`python -m tests.training.replicas GROUP` prints one JSON object: differences by name.
"""

import json
import sys
import tempfile
from dataclasses import replace
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf

from keras_mixers.classifier import load_classifier
from tests.training.runs import PREPROCESSING, batch, network, tiny
from training import checkpoint
from training.augment import Augmentation
from training.callbacks import AverageWeights
from training.checkpoint import Checkpoints
from training.losses import build_loss
from training.optimizer import SGD, AdamW
from training.precision import computing_in
from training.recipe import ModelSpec, Optimizer, WarmupCosine
from training.train import train
from training.train_model import TrainModel

CONV_MIXER = ModelSpec(
    "ConvMixer",
    {"hidden_dim": 8, "depth": 2, "patch_size": 2, "kernel_size": 3},
    (8, 8, 1),
    preprocessing=PREPROCESSING,
)
# With PyTorch's 1e-8, Adam makes whole steps of gradients that are nothing but rounding, as of a
# bias before a normalisation.
EPSILON = 1e-3
ADAMW = Optimizer("adamw", weight_decay=0.05, clip_norm=0.1, epsilon=EPSILON)


def furthest(one, other):
    """Return the largest difference between two lists of arrays."""
    return max(float(np.abs(a - b).max()) for a, b in zip(one, other, strict=True))


def noisy():
    """Return a recipe whose network draws noise in each step."""
    spec = tiny().model
    arguments = {**spec.arguments, "drop_rate": 0.2}
    return tiny(ema=0.9, model=replace(spec, arguments=arguments, drop_path_rate=0.2))


def recipes():
    """Train recipes on one device and on two; images, labels, schedule and seeds are the same."""
    plain = Augmentation(policy="reference", crop="pad", pad=1, flip=0.0)
    settings = {
        "sgd": tiny(optimizer=Optimizer("sgd", 1e-4), schedule=WarmupCosine(peak=0.05)),
        "adamw, decay, clipped to 0.1": tiny(optimizer=ADAMW),
        "ema": tiny(optimizer=ADAMW, ema=0.9),
        "accumulate 4": tiny(optimizer=ADAMW, accumulate=4),
        "remat": tiny(optimizer=ADAMW, remat=True),
        "mixed images": tiny(optimizer=ADAMW, augmentation=replace(plain, mixup=0.5, cutmix=1.0)),
        "synchronised batch norm": tiny(optimizer=ADAMW, model=CONV_MIXER),
        "synchronised batch norm, remat": tiny(optimizer=ADAMW, model=CONV_MIXER, remat=True),
    }
    found = {}
    for name, recipe in settings.items():
        one, two = (train(recipe, quiet=True, strategy=s) for s in ("one", "mirrored"))
        found[name] = furthest(one.network.get_weights(), two.network.get_weights())
        found[f"{name}, loss"] = abs(one.loss - two.loss)
    norms = [v.name for v in two.network._flatten_layers() if getattr(v, "synchronized", False)]
    return found | {"layers left synchronised": len(norms)}


def on(devices, optimizer, precision="float32", wrap=TrainModel):
    """Return a small compiled model on these devices."""
    with devices.scope(), computing_in(precision):
        model = wrap(network())
        model.compile(optimizer(), build_loss("softmax"))
        model.optimizer.build(model.trainable_variables)
    return model


def steps(model, images, labels, epochs=2, **arguments):
    data = tf.data.Dataset.from_tensors((images, labels)).unbatch().batch(8).repeat()
    return model.fit(
        data, steps_per_epoch=len(images) // 8, epochs=epochs, shuffle=False, verbose=0, **arguments
    ).history


def models():
    """Fit models by hand where a recipe does not reach."""
    both = tf.distribute.get_strategy(), tf.distribute.MirroredStrategy(["/cpu:0", "/cpu:1"])
    images, labels = batch(24)
    found = {}

    # The last of these batches have 3 images (2 + 1), and 1, of which one replica gets none.
    for held_out in (11, 9):
        seen = tf.data.Dataset.from_tensor_slices((images, labels.argmax(-1)))
        seen = seen.take(held_out).batch(8)
        histories = [
            steps(
                on(devices, lambda: SGD(0.1, use_ema=True, ema_momentum=0.9)),
                images,
                labels,
                validation_data=seen,
                callbacks=[AverageWeights(2)],
            )
            for devices in both
        ]
        found[f"{held_out} held-out images"] = max(
            float(np.abs(np.subtract(histories[0][name], histories[1][name])).max())
            for name in ("loss", "top1", "val_loss", "val_top1", "val_top5")
        )

    stock = [
        on(devices, lambda: AdamW(0.01, 0.05, epsilon=EPSILON), wrap=lambda x: x)
        for devices in both
    ]
    for model in stock:
        steps(model, images, labels)
    found["our AdamW under Keras's own fit"] = furthest(*(m.get_weights() for m in stock))

    # NaN is in the second replica's half, and in the second of three steps.
    broken = images.copy()
    broken[14] = np.nan
    for name, pixels, precision in (
        ("float16", images, "float16"),
        ("float16, NaN on the second", broken, "float16"),
        ("scaled loss, NaN on the second", broken, "float32"),
    ):
        pair = [on(devices, scaled, precision) for devices in both]
        for model in pair:
            model.optimizer.dynamic_scale.assign(1024.0)
            steps(model, pixels, labels)
        found[name] = furthest(*(m.network.get_weights() for m in pair))
        found[f"{name}, steps"] = [int(np.array(m.optimizer.iterations)) for m in pair]
        copies = [both[1].experimental_local_results(v.value) for v in pair[1].network.variables]
        found[f"{name}, between replicas"] = furthest(*zip(*copies, strict=True))
    return found


def scaled():
    """Return an optimizer that scales the loss, also of a network in float32."""
    return keras.optimizers.LossScaleOptimizer(SGD(0.1, global_clipnorm=1.0))


def noise():
    """Count what dropout leaves on each of two replicas, and go on after a crash."""
    strategy = tf.distribute.MirroredStrategy(["/cpu:0", "/cpu:1"])
    from training.strategy import shared

    with strategy.scope():
        net = keras.Sequential([keras.Input((64,)), keras.layers.Dropout(0.5, seed=3)])

    def masks():
        run = tf.function(lambda: strategy.run(lambda: net(tf.ones((1, 64)), training=True)))
        return [np.array(x) for x in strategy.experimental_local_results(run())]

    same = masks()
    with shared(net, strategy):
        first, second = masks(), masks()
    found = {
        "equal without seeds of their own": float((same[0] == same[1]).mean()),
        "equal on both": float((first[0] == first[1]).mean()),
        "equal in both steps": float((first[1] == second[1]).mean()),
    }
    with tempfile.TemporaryDirectory() as place:
        whole, part = Path(place, "whole"), Path(place, "part")
        train(noisy(), whole, quiet=True, strategy="mirrored")
        for saves in (2, 3):  # In the middle of the first epoch, then of what is left of it.
            crash(part, saves)
        train(noisy(), part, quiet=True, strategy="mirrored")
        weights = [load_classifier(path / "model.keras").get_weights() for path in (whole, part)]
    return found | {"after two crashes": furthest(*weights)}


def crash(folder, saves):
    """Train until so many checkpoints were written, one a step."""
    save, between = Checkpoints._save, checkpoint.SECONDS_BETWEEN
    counted = []

    def counting(self, step):
        save(self, step)
        counted.append(step)
        if len(counted) == saves:
            raise KeyboardInterrupt

    Checkpoints._save, checkpoint.SECONDS_BETWEEN = counting, -1
    try:
        train(noisy(), folder, quiet=True, strategy="mirrored")
    except KeyboardInterrupt:
        return
    finally:
        Checkpoints._save, checkpoint.SECONDS_BETWEEN = save, between
    raise AssertionError("The run should have crashed.")


if __name__ == "__main__":
    cpu = tf.config.list_physical_devices("CPU")[0]
    tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * 2)
    group = {"recipes": recipes, "models": models, "noise": noise}[sys.argv[1]]
    print(json.dumps(group()))
