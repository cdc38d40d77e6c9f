"""What a run is made of, opened: devices, data, and what is trained."""

from dataclasses import dataclass
from pathlib import Path

import keras
import tensorflow as tf
from rich.console import Console

from training.data import Data, steps_per_epoch
from training.devices import Devices
from training.distributed.cluster import Cluster
from training.distributed.strategy import check_shared_statistics, from_first, open_strategy
from training.loop.batches import open_inputs
from training.loop.mixed_precision import computing_in
from training.loop.network import build_model
from training.loop.rematerialisation import checkpointed
from training.loop.trainer import Trainer
from training.losses import build_loss
from training.optimizer import build_optimizer
from training.recipe import Recipe


@dataclass(frozen=True)
class Run:
    """A run that can begin.

    Attributes:
        recipe: what is done.
        devices: what `strategy` was opened from.
        cluster: all workers.
        strategy: the devices, open.
        data: images.
        steps: of an epoch.
        model: what `fit` trains.
        network: whose weights it trains, and which is saved.
        console: for what --quiet leaves out.
    """

    recipe: Recipe
    devices: Devices
    cluster: Cluster
    strategy: tf.distribute.Strategy
    data: Data
    steps: int
    model: Trainer
    network: keras.Model
    console: Console

    @property
    def state(self) -> list[keras.Variable]:
        """All that a run must remember, the state of random seeds included."""
        return [*self.model.network.variables, *self.model.optimizer.variables]

    def take_from_first(self, done: int) -> int:
        """Give all workers the state of the first one, and return how many steps it has done.

        Args:
            done: what this one takes it to be.
        """
        values = [tf.constant(done), *(variable.value for variable in self.state)]
        step, *values = from_first(values, self.strategy)
        for variable, value in zip(self.state, values, strict=True):
            variable.assign(value)
        return int(step)


def open_run(
    recipe: Recipe,
    data_dir: str | Path | None,
    devices: Devices,
    cluster: Cluster,
    console: Console,
) -> Run:
    """Open devices and data, and build what is trained.

    Args:
        recipe: what to do.
        data_dir: of tensorflow-datasets; None: its usual one.
        devices: which to train on.
        cluster: of them, if they are several workers.
        console: for what --quiet leaves out.

    Raises:
        RecipeError: if the recipe does not fit network, data or devices, or workers do not come.
        DataError: if the data can't be had.
    """
    strategy = open_strategy(devices, recipe, cluster)
    data = open_inputs(recipe, data_dir)
    steps = steps_per_epoch(data.train, recipe.batch_size)
    with computing_in(recipe.precision), strategy.scope():
        network = build_model(recipe, data.num_classes)
        check_shared_statistics(network, recipe, strategy, devices)
        trained = checkpointed(network) if recipe.remat else network
        model = Trainer(trained, recipe.accumulate, devices.batch_norm == "averaged")
        # Under mixed_float16, `compile` adds the scaling of the loss.
        model.compile(
            build_optimizer(recipe, steps),
            build_loss(recipe.loss, recipe.label_smoothing),
            steps_per_execution=devices.steps_per_execution,
        )
        model.optimizer.build(model.trainable_variables)
    return Run(recipe, devices, cluster, strategy, data, steps, model, network, console)
