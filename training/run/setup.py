"""A run, opened: its devices, its data and its network, built from a recipe."""

from dataclasses import dataclass
from pathlib import Path

import keras
import tensorflow as tf
from rich.console import Console

from keras_mixers.catalogue.preprocessing import Preprocessing
from training.data import Data, steps_per_epoch, train_batches
from training.devices import Devices
from training.distributed.cluster import ALONE, Cluster
from training.distributed.strategy import (
    broadcast_from_first_worker,
    check_batch_size,
    check_mix_slices,
    check_shared_statistics,
    open_strategy,
)
from training.loop.batches import augmentation_policy, open_matching_data, validation_batches
from training.loop.mixed_precision import precision_scope
from training.loop.network import build_model, evaluation_preprocessing, set_head_bias
from training.loop.rematerialisation import rematerialise_blocks
from training.loop.trainer import Trainer
from training.losses import build_loss
from training.optimizer import build_optimizer
from training.recipe import Recipe


@dataclass(frozen=True)
class Run:
    """A run that is ready to start.

    Attributes:
        recipe: recipe that it was opened from.
        devices: devices that it was opened for.
        cluster: workers of the run.
        strategy: strategy that distributes training over the devices.
        data: training and validation images.
        steps: number of steps per epoch.
        network: the network, which is saved.
        trainer: the model that `fit` trains; it shares the network's weights.
        console: console for what is always printed; silent on all workers but the first.
        quiet: whether to print no more than a line for each epoch.
    """

    recipe: Recipe
    devices: Devices
    cluster: Cluster
    strategy: tf.distribute.Strategy
    data: Data
    steps: int
    network: keras.Model
    trainer: Trainer
    console: Console
    quiet: bool

    @property
    def total_steps(self) -> int:
        """Steps of the whole run."""
        return self.recipe.epochs * self.steps

    @property
    def preprocessing(self) -> Preprocessing:
        """How images are preprocessed for evaluation."""
        return evaluation_preprocessing(self.recipe.model, self.recipe.weights)

    @property
    def state(self) -> list[keras.Variable]:
        """All variables that a run needs to resume exactly, including random seeds."""
        return [*self.trainer.network.variables, *self.trainer.optimizer.variables]

    def broadcast_state(self, done: int) -> int:
        """Give all workers the state of the first one, and return the steps that it has done.

        Args:
            done: number of steps that this worker has done.
        """
        values = [tf.constant(done), *(variable.value for variable in self.state)]
        step, *values = broadcast_from_first_worker(values, self.strategy)
        for variable, value in zip(self.state, values, strict=True):
            variable.assign(value)
        return int(step)

    def training_batches(self, first_step: int = 0, cluster: Cluster = ALONE) -> tf.data.Dataset:
        """Return augmented batches (images, labels (B, classes)) without end.

        Args:
            first_step: the step that the first batch is for.
            cluster: workers that share the batches; this worker's share is returned.
        """
        recipe = self.recipe
        policy = augmentation_policy(recipe.augmentation, recipe.model, self.preprocessing)
        return train_batches(
            self.data.train,
            recipe.batch_size,
            recipe.seed,
            first_step,
            map_image=policy.image,
            map_batch=policy.batch,
            shard=cluster.shard,
            parts=recipe.mix_slices,
            repeats=recipe.repeats,
        )

    def validation_batches(self, cluster: Cluster = ALONE) -> tf.data.Dataset:
        """Return batches (images, labels (B,)) of each validation image once.

        Args:
            cluster: workers that share the batches; this worker's share is returned.
        """
        recipe = self.recipe
        height, width, _ = recipe.model.input_shape
        return validation_batches(
            self.data.validation,
            recipe.batch_size // recipe.accumulate // cluster.size,
            (height, width),
            self.preprocessing,
            cluster.shard,
        )


def open_run(
    recipe: Recipe, devices: Devices, cluster: Cluster, data_dir: str | Path | None, quiet: bool
) -> Run:
    """Open a recipe's devices and data, and build its network and optimizer.

    Args:
        recipe: recipe to train.
        devices: devices to train on.
        cluster: workers that share the training.
        data_dir: folder of tensorflow-datasets; None: its default.
        quiet: whether to print no more than a line for each epoch.

    Raises:
        RecipeError: if the recipe doesn't fit the network, the data or the devices, or a worker
            doesn't start in time.
        DataError: if the data can't be opened.
    """
    check_mix_slices(recipe.mix_slices, cluster)
    strategy = open_strategy(devices, cluster)
    check_batch_size(recipe.batch_size, recipe.accumulate, strategy)
    data = open_matching_data(recipe.data, recipe.model, data_dir)
    steps = steps_per_epoch(data.train, recipe.batch_size)
    with precision_scope(recipe.precision), strategy.scope():
        network = build_network(recipe, data.num_classes)
        check_shared_statistics(network, recipe.accumulate, strategy, devices)
        trainer = _build_trainer(recipe, network, devices, steps)
    console = Console(highlight=False, quiet=not cluster.is_first)
    return Run(recipe, devices, cluster, strategy, data, steps, network, trainer, console, quiet)


def build_network(recipe: Recipe, classes: int) -> keras.Model:
    """Return a recipe's network, whose random weights depend on the recipe's seed alone."""
    keras.utils.set_random_seed(recipe.seed)
    network = build_model(recipe.model, classes, recipe.weights, name=recipe.name)
    if recipe.head_bias is not None:
        set_head_bias(network, recipe.head_bias)
    return network


def _build_trainer(recipe: Recipe, network: keras.Model, devices: Devices, steps: int) -> Trainer:
    trained = rematerialise_blocks(network) if recipe.remat else network
    trainer = Trainer(trained, recipe.accumulate, devices.batch_norm == "averaged")
    # With float16, `compile` wraps the optimizer in one that scales the loss.
    trainer.compile(
        build_optimizer(recipe.optimizer, recipe.schedule, recipe.epochs, steps, recipe.ema),
        build_loss(recipe.loss, recipe.label_smoothing),
        steps_per_execution=devices.steps_per_execution,
    )
    trainer.optimizer.build(trainer.trainable_variables)
    return trainer
