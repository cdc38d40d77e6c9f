"""A run, from a recipe to a trained network: everything put together around `model.fit`."""

import time
from contextlib import nullcontext
from pathlib import Path

import keras
import tensorflow as tf
from rich.console import Console

from keras_mixers.models.heads import with_probabilities
from keras_mixers.models.precision import in_float32
from keras_mixers.run_files import RESULT_FILE
from training.data import Data
from training.devices import ONE_DEVICE, Devices
from training.distributed.cluster import cluster_of
from training.errors import RunFolderError
from training.loop.batches import training_batches, validation_batches
from training.loop.trainer import Trainer
from training.losses import build_loss
from training.recipe import Recipe
from training.run.fit import fit_run
from training.run.folder import (
    CURVES_FILE,
    LOG_FILE,
    SAMPLES_FILE,
    RunFolder,
    check_folder,
    run_folder,
)
from training.run.messages import one_line_errors, say_result, say_start
from training.run.pictures import save_curves, save_samples
from training.run.result import Result
from training.run.setup import Run, open_run


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
            `labels.txt`, `preprocessing.json` and `result.json`; None: nothing is written. A run of
            the same recipe that did not finish goes on where its checkpoint was made: after the
            last epoch, ten minutes, or SIGTERM. Its weights are then those of a run that never
            stopped, to the bit, but for the "keras_cv" augmentation's draws.
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
    cluster = cluster_of(devices)
    if not cluster.is_first:
        run, quiet = None, True
    if run is not None:
        check_folder(run, recipe)  # Data may take hours to come.
    start = time.perf_counter()
    this = open_run(recipe, data_dir, devices, cluster, Console(highlight=False, quiet=quiet))
    lines = Console(highlight=False, quiet=not cluster.is_first)
    if not quiet:  # It takes a trace.
        say_start(this.console, recipe, this.data, this.model)
    with run_folder(run, recipe) if run is not None else nullcontext() as folder:
        done = _start(this, folder, lines) if folder is not None else 0
        if cluster.size > 1:
            with one_line_errors([], lines, cluster):
                done = this.take_from_first(done)
        logs, timing = fit_run(this, folder, lines, done)
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


def _start(run: Run, folder: RunFolder, lines: Console) -> int:
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
    save_samples(samples, run.data.class_names, folder.path / SAMPLES_FILE, overwrite=True)
    return done


def _measure(recipe: Recipe, network: keras.Model, validation: tf.data.Dataset) -> dict[str, float]:
    """Measure a network in the precision that it is saved in."""
    model = Trainer(network)
    model.compile(loss=build_loss(recipe.loss, recipe.label_smoothing))
    measured = model.evaluate(validation, return_dict=True, verbose=0)
    return {f"val_{name}": value for name, value in measured.items()}


def _share(measured: float, data: Data) -> float:
    """Return the share of a whole number of images that a float32 stands for."""
    images = data.validation.size
    return round(measured * images) / images


def _finish(folder: RunFolder, result: Result) -> None:
    """Write what came out; what says so comes last."""
    save_curves(folder.path / LOG_FILE, folder.path / CURVES_FILE, overwrite=True)
    folder.write_model(result.network)
    folder.write_json(RESULT_FILE, result.to_dict())
