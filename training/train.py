"""A run, from a recipe to a trained network: everything put together around `model.fit`."""

import time
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from importlib.util import find_spec
from pathlib import Path

import keras
import tensorflow as tf
from rich.console import Console

from training.callbacks import AverageWeights, Rows, StopOnNaN, Timing
from training.data import Data, steps_per_epoch
from training.final_model import in_float32, with_probabilities
from training.inputs import open_inputs, training_batches, validation_batches
from training.losses import build_loss
from training.memory import estimate
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
    check_folder,
    run_folder,
)
from training.schedules import build_schedule
from training.train_model import TrainingError, TrainModel


def train(
    recipe: Recipe,
    run: str | Path | None = None,
    data_dir: str | Path | None = None,
    quiet: bool = False,
) -> Result:
    """Train a recipe's network on its data, and measure it on those that were held out.

    The same recipe, seed included, gives the same weights on the same machine; the "keras_cv"
    augmentation does not where its layers draw, nor do GPUs, unless
    `tf.config.experimental.enable_op_determinism` was called.

    Args:
        recipe: what to do; `training.recipes.find_recipe` knows some.
        run: folder to write into, made if need be: the recipe, what it ran with, a log and curves
            of the epochs, a sheet of augmented images, and `model.keras`, `labels.txt` and
            `result.json`; None: nothing is written.
        data_dir: of tensorflow-datasets; None: its usual one.
        quiet: print nothing but a line for each epoch.

    Raises:
        RunFolderError: if the folder can't be used.
        RecipeError: if the recipe fits neither network nor data.
        DataError: if the data can't be had.
        TrainingError: if the loss becomes NaN, or the memory does not suffice.

    Example: `train(find_recipe("convmixer_digits"), "runs/digits").top1` is what
    `keras-mixers train convmixer_digits --run runs/digits` reaches.
    """
    if run is not None:
        check_folder(run, recipe)  # Data may take hours to come.
    console = Console(highlight=False)
    start = time.perf_counter()
    data = open_inputs(recipe, data_dir)
    steps = steps_per_epoch(data.train, recipe.batch_size)
    model, network = _build(recipe, data.num_classes, steps)
    if not quiet:
        _say(console, recipe, data, model)
    with run_folder(run, recipe) if run is not None else nullcontext() as folder:
        if folder is not None:
            folder.write_start(recipe, data.class_names)
            # People look before they train.
            save_samples(training_batches(recipe, data), data.class_names, folder.path / SAMPLES)
        validation = validation_batches(recipe, data)
        logs, timing = _fit(recipe, model, data, validation, folder, console, quiet)
        trained = in_float32(network)
        if recipe.precision != "float32":
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
        _say_result(console, result, folder)
    return result


def _build(recipe: Recipe, classes: int, steps: int) -> tuple[TrainModel, keras.Model]:
    """Return what is trained, and the network whose weights it trains."""
    with computing_in(recipe.precision):
        network = build_model(recipe, classes)
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
) -> tuple[dict[str, float], Timing]:
    """Train, and return the logs of the last epoch."""
    steps = steps_per_epoch(data.train, recipe.batch_size)
    last: dict[str, float] = {}
    timing = Timing(build_schedule(recipe.schedule, recipe.epochs, steps), recipe.batch_size)
    callbacks = [StopOnNaN(), timing, Rows(last.update)]
    if recipe.ema is not None:
        callbacks.append(AverageWeights())
    if folder is not None:
        callbacks.append(Rows(folder.add_row))
        if find_spec("tensorboard") is not None:
            callbacks.append(
                keras.callbacks.TensorBoard(folder.path / TENSORBOARD, write_graph=False)
            )
        elif not quiet:
            console.print(f"No {TENSORBOARD}/ is written: pip install tensorboard.")
    callbacks.append(ShowProgress(console, recipe.batch_size, data.num_classes, bar=not quiet))
    batches = training_batches(recipe, data)
    with _one_line_errors(callbacks):
        model.fit(
            batches,
            epochs=recipe.epochs,
            steps_per_epoch=steps,
            validation_data=validation,
            callbacks=callbacks,
            shuffle=False,
            verbose=0,
        )
    return last, timing


@contextmanager
def _one_line_errors(callbacks: list[keras.callbacks.Callback]) -> Iterator[None]:
    """Say what a failed step means, and let no callback keep files or the terminal."""
    try:
        yield
    except BaseException as error:
        for callback in callbacks:
            callback.on_train_end()
        if isinstance(error, tf.errors.ResourceExhaustedError):
            raise TrainingError(
                "The device's memory does not suffice; take a smaller batch_size, more parts to "
                "accumulate, remat, or bfloat16."
            ) from error
        if isinstance(error, tf.errors.OpError):
            first, *_ = [*str(error.message).splitlines(), ""]
            raise TrainingError(f"A step failed: {first or type(error).__name__}") from error
        raise


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
    save_curves(folder.path / LOG, folder.path / CURVES)
    folder.write_model(result.network)
    folder.write_json(RESULT, result.to_dict())


def _say(console: Console, recipe: Recipe, data: Data, model: TrainModel) -> None:
    """Print what the run is, before it starts."""
    lines = [
        f"{recipe.name}: {model.network.name}, {model.network.count_params():,} parameters",
        f"{data.address}: {data.train.size:,} images to train with, {data.validation.size:,} to "
        f"measure with, {data.num_classes:,} classes",
        str(estimate(model, recipe.batch_size)),
    ]
    if data.skipped:
        lines.insert(2, f"{len(data.skipped):,} files are skipped, since they are no good image")
    for line in lines:
        console.print(line, markup=False, soft_wrap=True)


def _say_result(console: Console, result: Result, folder: RunFolder | None) -> None:
    line = (
        f"{result.top1:.2%} of {result.validation_images:,} held-out images are right, after "
        f"{result.seconds:.0f} s."
    )
    console.print(line, markup=False, soft_wrap=True)
    if folder is not None:
        console.print(f"Everything is in {folder.path}.", markup=False, soft_wrap=True)
