"""A run, from a recipe to a trained network: everything put together around `model.fit`."""

import time
from contextlib import nullcontext
from importlib.util import find_spec
from pathlib import Path

import keras
import tensorflow as tf
from rich.console import Console

from training.account import one_line_errors, say_result, say_start
from training.callbacks import AverageWeights, Rows, StopOnNaN, Timing
from training.checkpoint import Checkpoints
from training.data import Data, steps_per_epoch
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
from training.strategy import StrategyName, check_shared_statistics, open_strategy, shared
from training.train_model import TrainModel


def train(
    recipe: Recipe,
    run: str | Path | None = None,
    data_dir: str | Path | None = None,
    quiet: bool = False,
    strategy: StrategyName = "one",
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
        strategy: "one" device, or "mirrored": all GPUs of the machine, or all of TensorFlow's
            logical CPUs, share each batch. The weights are those of one device, but for rounding,
            and for noise that the network draws, which differs between replicas.

    Raises:
        RunFolderError: if the folder can't be used.
        RecipeError: if the recipe does not fit network, data or strategy.
        DataError: if the data can't be had.
        TrainingError: if the loss becomes NaN, or the memory does not suffice.

    Example: `train(find_recipe("convmixer_digits"), "runs/digits").top1` is what
    `keras-mixers train convmixer_digits --run runs/digits` reaches.
    """
    if run is not None:
        check_folder(run, recipe)  # Data may take hours to come.
    devices = open_strategy(strategy, recipe)
    console = Console(highlight=False)
    start = time.perf_counter()
    data = open_inputs(recipe, data_dir)
    steps = steps_per_epoch(data.train, recipe.batch_size)
    model, network = _build(recipe, data.num_classes, steps, devices)
    if not quiet:
        say_start(console, recipe, data, model)
    with run_folder(run, recipe) if run is not None else nullcontext() as folder:
        done = _start(folder, recipe, data, model, console) if folder is not None else 0
        validation = validation_batches(recipe, data)
        with shared(network, devices):
            logs, timing = _fit(recipe, model, data, validation, folder, console, quiet, done)
        trained = in_float32(network)
        if recipe.precision != "float32" or not logs:
            logs = _measure(recipe, trained, validation)
        result = Result(
            recipe=recipe.name,
            model=network.name,
            dataset=data.address,
            validation_images=data.validation.size,
            top1=_share(logs["val_top1"], data),
            top5=_share(logs["val_top5"], data) if data.num_classes > 5 else None,
            loss=logs["val_loss"],
            images_per_second=timing.images_per_second,
            seconds=time.perf_counter() - start,
            epochs=recipe.epochs,
            steps=recipe.epochs * steps,
            parameters=network.count_params(),
            skipped=len(data.skipped),
            seed=recipe.seed,
            network=with_probabilities(trained, recipe.loss),
        )
        if folder is not None:
            _finish(folder, result)
    if not quiet:
        say_result(console, result, folder)
    return result


def _start(
    folder: RunFolder, recipe: Recipe, data: Data, model: TrainModel, console: Console
) -> int:
    """Write what is known before the first step, and return how many steps are done already."""
    done = folder.restore(_state(model))
    steps = steps_per_epoch(data.train, recipe.batch_size)
    if done > recipe.epochs * steps:
        raise RunFolderError(
            f"{str(folder.path)!r} has done {done // steps} epochs; received {recipe.epochs}."
        )
    if done:
        epochs, rest = divmod(done, steps)
        console.print(f"Goes on after epoch {epochs}, step {rest} of {steps} in the next.")
    folder.write_start(recipe, data.class_names)
    folder.trim_log(done // steps)
    # People look before they train.
    samples = training_batches(recipe, data)
    save_samples(samples, data.class_names, folder.path / SAMPLES, overwrite=True)
    return done


def _state(model: TrainModel) -> list[keras.Variable]:
    """Return all that a run must remember, the state of random seeds included."""
    return [*model.network.variables, *model.optimizer.variables]


def _build(
    recipe: Recipe, classes: int, steps: int, devices: tf.distribute.Strategy
) -> tuple[TrainModel, keras.Model]:
    """Return what is trained, and the network whose weights it trains."""
    with computing_in(recipe.precision), devices.scope():
        network = build_model(recipe, classes)
        check_shared_statistics(network, recipe, devices)
        trained = checkpointed(network) if recipe.remat else network
        model = TrainModel(trained, recipe.accumulate)
        # Under mixed_float16, `compile` adds the scaling of the loss.
        model.compile(
            build_optimizer(recipe, steps), build_loss(recipe.loss, recipe.label_smoothing)
        )
        model.optimizer.build(model.trainable_variables)
    return model, network


def _fit(
    recipe: Recipe,
    model: TrainModel,
    data: Data,
    validation: tf.data.Dataset,
    folder: RunFolder | None,
    console: Console,
    quiet: bool,
    done: int,
) -> tuple[dict[str, float], Timing]:
    """Train after so many steps, and return the logs of the last epoch, if one was left."""
    steps = steps_per_epoch(data.train, recipe.batch_size)
    last: dict[str, float] = {}
    schedule = build_schedule(recipe.schedule, recipe.epochs, steps)
    timing = Timing(schedule, recipe.batch_size, steps)
    callbacks = [StopOnNaN(steps), timing, Rows(last.update)]
    if recipe.ema is not None:
        callbacks.append(AverageWeights(recipe.epochs))
    if folder is not None:
        callbacks.append(Rows(folder.add_row))
        if find_spec("tensorboard") is not None:
            callbacks.append(
                keras.callbacks.TensorBoard(folder.path / TENSORBOARD, write_graph=False)
            )
        elif not quiet:
            console.print(f"No {TENSORBOARD}/ is written: pip install tensorboard.")
    progress = ShowProgress(
        console, recipe.epochs, steps, recipe.batch_size, data.num_classes, bar=not quiet
    )
    callbacks.append(progress)
    if folder is not None:  # The last one, which may end the run.
        callbacks.append(Checkpoints(lambda step: folder.save(step, _state(model)), steps))
    with one_line_errors(callbacks, console):
        for first, end in _parts(done, steps, recipe.epochs):
            model.fit(
                training_batches(recipe, data, first),
                initial_epoch=first // steps,
                epochs=end,
                steps_per_epoch=steps - first % steps,
                validation_data=validation,
                callbacks=callbacks,
                shuffle=False,
                verbose=0,
            )
        if done == recipe.epochs * steps:  # Nothing was left to train: no `fit` to do this.
            model.optimizer.finalize_variable_values(model.trainable_variables)
    return last, timing


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
