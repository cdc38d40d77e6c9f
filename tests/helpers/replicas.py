"""What tests/training/distributed/test_replicas.py runs in processes of their own.

`report("mirrored")` has two CPUs, and `report("multiworker")` is one of two processes that
TF_CONFIG names. It prints one JSON object: differences by name, and the bound of rounding.
"""

import hashlib
import json
from collections.abc import Iterable

import keras
import numpy as np
import tensorflow as tf

from benchmarks.distributed import keras_fit
from benchmarks.distributed.sides import difference_to_one_device
from tests.helpers.local_replicas import largest_difference
from tests.helpers.replica_settings import EPSILON, settings
from tests.helpers.rounding import rounding_bound
from tests.helpers.runs import batch, network
from training.devices import Devices
from training.distributed.cluster import cluster_of, read_cluster
from training.distributed.strategy import distribute_batches, open_strategy, prepare_for_replicas
from training.loop.callbacks import AverageWeights
from training.loop.mixed_precision import precision_scope
from training.loop.trainer import Trainer
from training.losses import build_loss
from training.optimizer import SGD, AdamW

# Roundings of a step: of `network`, as tests/training/loop/test_trainer.py counts them; and of the
# recipes' networks, whose longest sum is of 16 places in each of 256 images.
STEP = 2 * (48 + 8 + 7 + 7 + 8 + 8)
RECIPES_STEP = 2 * (16 * 256 + 100)
ROUNDED = "bound"


def report(strategy: str) -> None:
    """Print what all groups find."""
    find = Replicas(strategy)
    find.recipes()
    find.uneven()
    find.scales()
    find.noise()
    if strategy == "mirrored":  # With several workers Keras's own step fails.
        find.our_optimizer()
        find.benchmark()
    print(json.dumps(find.found))


class Replicas:
    """Trains on one device and on two replicas, and keeps what is between them.

    Attributes:
        found: by name; differences with their bounds.
    """

    def __init__(self, strategy: str) -> None:
        self.found: dict = {}
        self._name = strategy
        self._cluster = cluster_of(Devices(strategy))
        # Before TensorFlow computes anything.
        self._two = open_strategy(Devices(strategy), self._cluster)

    def compare(self, name: str, one: Iterable | None, two: Iterable, roundings: int) -> None:
        """Keep how far two lists of arrays are apart, and that all workers have the same."""
        two = [np.asarray(array) for array in two]
        digest = hashlib.sha256(b"".join(array.tobytes() for array in two)).hexdigest()
        self.found[f"{name}, sha256"] = digest
        if one is not None:
            bound = max(rounding_bound(array, roundings) for array in two)
            self.found[name] = {"difference": largest_difference(one, two), ROUNDED: bound}

    def recipes(self) -> None:
        """Train recipes; images, labels, schedule and seeds are the same."""
        synchronised = 0
        for name, setting in settings().items():
            two = setting.on_two(self._name)
            one = setting.on_one_device() if self._cluster.is_first else None
            roundings = two.steps * RECIPES_STEP
            networks = one and one.network, two.network
            weights = [side and list(map(np.array, side.trainable_variables)) for side in networks]
            self.compare(name, *weights, roundings)
            if setting.batch_norm == "synchronised":
                # Otherwise moving variances depend on how many parts there are.
                state = [side and side.get_weights() for side in networks]
                self.compare(f"{name}, state", *state, roundings)
                losses = [side and [np.float32(side.loss)] for side in (one, two)]
                self.compare(f"{name}, loss", *losses, roundings)
            layers = two.network._flatten_layers()
            synchronised += sum(getattr(layer, "synchronized", False) for layer in layers)
        self.found["layers left synchronised"] = synchronised

    def uneven(self) -> None:
        """Evaluate on images that two replicas can't share out evenly."""
        images, labels = batch(24)
        # The last of these batches have 3 images (2 + 1), and 1, of which one replica gets none.
        for held_out in (11, 9):
            histories = self._fit_both(
                lambda: SGD(0.1, use_ema=True, ema_momentum=0.9),
                images,
                labels,
                evaluated=(images[:held_out], labels[:held_out].argmax(-1)),
            )
            names = ("loss", "top1", "val_loss", "val_top1", "val_top5")
            sides = [side and [np.float32(side.history[k]) for k in names] for side in histories]
            self.compare(f"{held_out} held-out images", *sides, 6 * STEP)

    def scales(self) -> None:
        """Fit models whose loss is scaled, with and without an image that is NaN."""
        images, labels = batch(24)
        # NaN is in the second replica's half, and in the second of three steps.
        broken = images.copy()
        broken[14] = np.nan
        for name, pixels, precision in (
            ("float16", images, "float16"),
            ("float16, NaN on the second", broken, "float16"),
            ("scaled loss, NaN on the second", broken, "float32"),
        ):
            one, two = self._fit_both(scaled, pixels, labels, precision)
            weights = [side and side.model.network.get_weights() for side in (one, two)]
            if precision == "float16":
                # What moves the weights, by no more than 0.1 a step, is rounded to three digits.
                self.compare(name, *weights, 0)
                if one is not None:
                    self.found[name][ROUNDED] = 0.1 * rounding_bound(np.float16(1), 6 * STEP)
            else:
                self.compare(name, *weights, 6 * STEP)
            optimizers = [side.model.optimizer for side in (one, two) if side]
            self.found[f"{name}, steps"] = [int(np.array(o.iterations)) for o in optimizers]
            here = self._two.experimental_local_results
            copies = [here(variable.value) for variable in two.model.network.variables]
            between = largest_difference(*([copy[i] for copy in copies] for i in (0, -1)))
            self.found[f"{name}, between replicas"] = between

    def our_optimizer(self) -> None:
        """Fit with Keras's own step, without clipping."""
        images, labels = batch(24)
        histories = self._fit_both(
            lambda: AdamW(0.01, 0.05, epsilon=EPSILON), images, labels, wrap=lambda net: net
        )
        weights = [side and side.model.get_weights() for side in histories]
        # An epsilon of a tenth of the rate: Adam makes ten times as much of rounding.
        self.compare("our AdamW under Keras's own fit", *weights, 100 * 6 * STEP)

    def noise(self) -> None:
        """Count what dropout leaves on each of two replicas."""
        two = self._two
        with two.scope():
            net = keras.Sequential([keras.Input((64,)), keras.layers.Dropout(0.5, seed=3)])
        run = tf.function(lambda: two.run(lambda: net(tf.ones((1, 64)), training=True)))

        def masks() -> np.ndarray:
            return np.array(two.gather(run(), axis=0))

        same = masks()
        with prepare_for_replicas(net, two, Devices(self._name)):
            first, second = masks(), masks()
        self.found |= {
            "equal without seeds of their own": float((same[0] == same[1]).mean()),
            "equal on both": float((first[0] == first[1]).mean()),
            "equal in both steps": float((first[1] == second[1]).mean()),
        }

    def benchmark(self) -> None:
        """Fill a cell of the table that benchmarks/distributed/keras_fit.py prints."""
        difference = difference_to_one_device(keras_fit.PLAIN, self._two, ours=True)
        self.found["the benchmark's first row"] = {
            "difference": difference,
            ROUNDED: keras_fit.BOUND,
        }

    def _fit_both(
        self, optimizer, images, labels, precision="float32", wrap=Trainer, evaluated=None
    ):
        """Return the histories of a small model on one device, of the first worker, and on two."""
        histories = []
        for devices in (tf.distribute.get_strategy(), self._two):
            if devices is not self._two and not self._cluster.is_first:
                histories.append(None)
                continue
            with devices.scope(), precision_scope(precision):
                model = wrap(network())
                model.compile(optimizer(), build_loss("softmax"))
                model.optimizer.build(model.trainable_variables)
            if isinstance(model.optimizer, keras.optimizers.LossScaleOptimizer):
                model.optimizer.dynamic_scale.assign(1024.0)
            history = model.fit(
                batches_of_8(model, images, labels, times=-1),
                steps_per_epoch=len(images) // 8,
                epochs=2,
                validation_data=evaluated and batches_of_8(model, *evaluated),
                callbacks=[AverageWeights(2)] if evaluated else [],
                shuffle=False,
                verbose=0,
            )
            histories.append(history)
        return histories


def batches_of_8(model, images, labels, times=1):
    """Return batches for a model's devices; a worker gets its own half of each."""
    data = tf.data.Dataset.from_tensors((images, labels)).unbatch().repeat(times)
    strategy = model.distribute_strategy
    if not isinstance(strategy, tf.distribute.MultiWorkerMirroredStrategy):
        return data.batch(8)
    index = read_cluster().index
    own = data.enumerate().filter(lambda i, _: i % 8 // 4 == index).map(lambda _, pair: pair)
    return distribute_batches(own.batch(4), strategy, 8)


def scaled() -> keras.optimizers.Optimizer:
    """Return an optimizer that scales the loss, also of a network in float32."""
    return keras.optimizers.LossScaleOptimizer(SGD(0.1, global_clipnorm=1.0))
