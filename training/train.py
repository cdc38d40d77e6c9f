"""A run, from a recipe to a trained network: everything put together around `model.fit`."""

import math
import time
from contextlib import nullcontext
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

import keras
import tensorflow as tf
from rich.console import Console

from training.account import one_line_errors, say_result, say_start
from training.callbacks import AverageWeights, Rows, StopOnNaN, Timing
from training.checkpoint import Checkpoints
from training.data import Data, steps_per_epoch
from training.devices import ONE_DEVICE, Devices
from training.execution import WholeEpochs
from training.final_model import in_float32, with_probabilities
from training.inputs import open_inputs, training_batches, validation_batches
from training.losses import build_loss
from training.model import build_model
from training.optimizer import build_optimizer
from training.pictures import save_curves, save_samples
from training.precision import computing_in
from training.progress import ShowProgress
from training.recipe import Recipe
from training.remat import checkpointed
from training.result import Result
from training.run_folder import (
    CURVES,
    LOG,
    RESULT,
    SAMPLES,
    TENSORBOARD,
    RunFolder,
    RunFolderError,
    check_folder,
    run_folder,
)
from training.schedules import build_schedule
from training.strategy import (
    check_shared_statistics,
    from_first,
    hand_out,
    open_strategy,
    shared,
)
from training.train_model import TrainModel
from training.workers import ALONE, Cluster, read_cluster


def train(
    recipe: Recipe,
    run: str | Path | None = None,
    data_dir: str | Path | None = None,
    quiet: bool = False,
    devices: Devices = ONE_DEVICE,
) -> Result:
    """Train a recipe's network on its data, and measure it on those that were held out.

    The same recipe, seed included, gives the same weights on the same machine; the "keras_cv"
    augmentation does not where its layers draw, nor do GPUs, unless
    `tf.config.experimental.enable_op_determinism` was called.

    Args:
        recipe: what to do; `training.recipes.find_recipe` knows some.
        run: folder to write into, made if need be: the recipe, what it ran with, a log and curves
            of the epochs, a sheet of augmented images, a checkpoint, and `model.keras`,
            `labels.txt` and `result.json`; None: nothing is written. A run of the same recipe that
            did not finish goes on where its checkpoint was made: after the last epoch, ten minutes,
            or SIGTERM. Its weights are then those of a run that never stopped, to the bit, but for
            the "keras_cv" augmentation's draws.
        data_dir: of tensorflow-datasets; None: its usual one.
        quiet: print nothing but a line for each epoch.
        devices: which share each batch. The weights are those of one device, but for rounding, and
            for noise that the network draws, which differs between replicas. Several workers all
            call this; the first one alone reads and writes the run's folder, and prints.

    Raises:
        RunFolderError: if the folder can't be used.
        RecipeError: if the recipe does not fit network, data or devices, or workers do not come.
        DataError: if the data can't be had.
        TrainingError: if the loss becomes NaN, or the memory does not suffice.

    Example: `train(find_recipe("convmixer_digits"), "runs/digits").top1` is what
    `keras-mixers train convmixer_digits --run runs/digits` reaches.
    """
    cluster = read_cluster() if devices.strategy == "multiworker" else ALONE
    if not cluster.is_first:
        run, quiet = None, True
    if run is not None:
        check_folder(run, recipe)  # Data may take hours to come.
    start = time.perf_counter()
    this = _open(recipe, data_dir, devices, cluster, Console(highlight=False, quiet=quiet))
    lines = Console(highlight=False, quiet=not cluster.is_first)
    if not quiet:  # It takes a trace.
        say_start(this.console, recipe, this.data, this.model)
    with run_folder(run, recipe) if run is not None else nullcontext() as folder:
        done = _start(this, folder, lines) if folder is not None else 0
        if cluster.size > 1:
            with one_line_errors([], lines, cluster):
                done = _agree(this, done)
        logs, timing = _fit(this, folder, lines, done)
        trained = in_float32(this.network)
        if recipe.precision != "float32" or not logs:
            logs = _measure(recipe, trained, validation_batches(recipe, this.data))
        result = Result(
            recipe=recipe.name,
            model=this.network.name,
            dataset=this.data.address,
            validation_images=this.data.validation.size,
            top1=_share(logs["val_top1"], this.data),
            top5=_share(logs["val_top5"], this.data) if this.data.num_classes > 5 else None,
            loss=logs["val_loss"],
            images_per_second=timing.images_per_second,
            seconds=time.perf_counter() - start,
            epochs=recipe.epochs,
            steps=recipe.epochs * this.steps,
            parameters=this.network.count_params(),
            skipped=len(this.data.skipped),
            seed=recipe.seed,
            network=with_probabilities(trained, recipe.loss),
        )
        if folder is not None:
            _finish(folder, result)
    say_result(this.console, result, folder)
    return result


@dataclass(frozen=True)
class _Run:
    """What a run is made of; `console` takes what --quiet leaves out."""

    recipe: Recipe
    devices: Devices
    cluster: Cluster
    strategy: tf.distribute.Strategy
    data: Data
    steps: int
    model: TrainModel
    network: keras.Model
    console: Console

    @property
    def state(self) -> list[keras.Variable]:
        """All that a run must remember, the state of random seeds included."""
        return [*self.model.network.variables, *self.model.optimizer.variables]


def _open(
    recipe: Recipe,
    data_dir: str | Path | None,
    devices: Devices,
    cluster: Cluster,
    console: Console,
) -> _Run:
    """Return a run whose network trains the weights of what is saved."""
    strategy = open_strategy(devices, recipe, cluster)
    data = open_inputs(recipe, data_dir)
    steps = steps_per_epoch(data.train, recipe.batch_size)
    with computing_in(recipe.precision), strategy.scope():
        network = build_model(recipe, data.num_classes)
        check_shared_statistics(network, recipe, strategy, devices)
        trained = checkpointed(network) if recipe.remat else network
        model = TrainModel(trained, recipe.accumulate, devices.batch_norm == "averaged")
        # Under mixed_float16, `compile` adds the scaling of the loss.
        model.compile(
            build_optimizer(recipe, steps),
            build_loss(recipe.loss, recipe.label_smoothing),
            steps_per_execution=devices.steps_per_execution,
        )
        model.optimizer.build(model.trainable_variables)
    return _Run(recipe, devices, cluster, strategy, data, steps, model, network, console)


def _start(run: _Run, folder: RunFolder, lines: Console) -> int:
    """Write what is known before the first step, and return how many steps are done already."""
    done = folder.restore(run.state)
    if done > run.recipe.epochs * run.steps:
        raise RunFolderError(
            f"{str(folder.path)!r} has done {done // run.steps} epochs; received "
            f"{run.recipe.epochs}."
        )
    if done:
        epochs, rest = divmod(done, run.steps)
        lines.print(f"Goes on after epoch {epochs}, step {rest} of {run.steps} in the next.")
    replicas = run.strategy.num_replicas_in_sync
    folder.write_start(run.recipe, run.data.class_names, run.devices, replicas)
    folder.trim_log(done // run.steps)
    # People look before they train.
    samples = training_batches(run.recipe, run.data)
    save_samples(samples, run.data.class_names, folder.path / SAMPLES, overwrite=True)
    return done


def _agree(run: _Run, done: int) -> int:
    """Give all workers the state of the first one, and return how many steps it has done."""
    values = [tf.constant(done), *(variable.value for variable in run.state)]
    step, *values = from_first(values, run.strategy)
    for variable, value in zip(run.state, values, strict=True):
        variable.assign(value)
    return int(step)


def _fit(
    run: _Run, folder: RunFolder | None, lines: Console, done: int
) -> tuple[dict[str, float], Timing]:
    """Train after so many steps, and return the logs of the last epoch, if one was left."""
    recipe, steps, model = run.recipe, run.steps, run.model
    last: dict[str, float] = {}
    schedule = build_schedule(recipe.schedule, recipe.epochs, steps)
    timing = Timing(schedule, recipe.batch_size, steps)
    bar = ShowProgress(
        lines,
        recipe.epochs,
        steps,
        recipe.batch_size,
        run.data.num_classes,
        bar=not run.console.quiet,
    )
    callbacks = [WholeEpochs(), StopOnNaN(steps), timing, Rows(last.update)]
    if recipe.ema is not None:
        callbacks.append(AverageWeights(recipe.epochs))
    callbacks += [*_writers(folder, run.console), bar]
    # The last one, which may end the run.
    if folder is not None:
        callbacks.append(Checkpoints(lambda step: folder.save(step, run.state), steps))
    elif not run.cluster.is_first:
        callbacks.append(Checkpoints(None, steps))

    validation = validation_batches(recipe, run.data, run.cluster)
    measured = recipe.batch_size // recipe.accumulate
    with (
        shared(run.network, run.strategy, run.devices),
        one_line_errors(callbacks, lines, run.cluster),
    ):
        for first, end in _parts(done, steps, recipe.epochs):
            batches = training_batches(recipe, run.data, first, run.cluster)
            model.fit(
                hand_out(batches, run.strategy, recipe.batch_size),
                initial_epoch=first // steps,
                epochs=end,
                steps_per_epoch=steps - first % steps,
                validation_data=hand_out(validation, run.strategy, measured),
                validation_steps=_validation_steps(run, measured),
                callbacks=callbacks,
                shuffle=False,
                verbose=0,
            )
        if done == recipe.epochs * steps:  # Nothing was left to train: no `fit` to do this.
            model.optimizer.finalize_variable_values(model.trainable_variables)
    return last, timing


def _validation_steps(run: _Run, batch_size: int) -> int | None:
    """Return as many for all workers, which wait for each other; None for one."""
    workers = run.cluster.size
    most = math.ceil(run.data.validation.size / workers)
    return math.ceil(most / (batch_size // workers)) if workers > 1 else None


def _writers(folder: RunFolder | None, console: Console) -> list[keras.callbacks.Callback]:
    """Return what writes an epoch's row."""
    if folder is None:
        return []
    if find_spec("tensorboard") is None:
        console.print(f"No {TENSORBOARD}/ is written: pip install tensorboard.")
        return [Rows(folder.add_row)]
    board = keras.callbacks.TensorBoard(folder.path / TENSORBOARD, write_graph=False)
    return [Rows(folder.add_row), board]


def _parts(done: int, steps: int, epochs: int) -> list[tuple[int, int]]:
    """Return the calls of `fit` that are left: the first step, and the epoch after the last one.

    >>> _parts(0, 10, 3), _parts(14, 10, 3), _parts(24, 10, 3), _parts(30, 10, 3)
    ([(0, 3)], [(14, 2), (20, 3)], [(24, 3)], [])
    """
    epoch, rest = divmod(done, steps)
    parts = [(done, epoch + 1)] if rest else []
    whole = epoch + bool(rest)
    return [*parts, (whole * steps, epochs)] if whole < epochs else parts


def _measure(recipe: Recipe, network: keras.Model, validation: tf.data.Dataset) -> dict[str, float]:
    """Measure a network in the precision that it is saved in."""
    model = TrainModel(network)
    model.compile(loss=build_loss(recipe.loss, recipe.label_smoothing))
    measured = model.evaluate(validation, return_dict=True, verbose=0)
    return {f"val_{name}": value for name, value in measured.items()}


def _share(measured: float, data: Data) -> float:
    """Return the share of a whole number of images that a float32 stands for."""
    images = data.validation.size
    return round(measured * images) / images


def _finish(folder: RunFolder, result: Result) -> None:
    """Write what came out; what says so comes last."""
    save_curves(folder.path / LOG, folder.path / CURVES, overwrite=True)
    folder.write_model(result.network)
    folder.write_json(RESULT, result.to_dict())
