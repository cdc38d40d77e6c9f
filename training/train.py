"""A run, from a recipe to a trained network: opened, trained, evaluated, and written."""

import time
from contextlib import nullcontext
from pathlib import Path

import keras

from keras_mixers.models.heads import with_probabilities
from keras_mixers.models.multiply_adds import multiply_adds
from keras_mixers.models.precision import in_float32
from keras_mixers.run_files import RESULT_FILE
from training.devices import ONE_DEVICE, Devices
from training.distributed.cluster import cluster_of
from training.errors import RunFolderError
from training.loop.trainer import Trainer
from training.losses import build_loss
from training.recipe import Recipe
from training.run.data_record import remember_data
from training.run.fit import fit_run
from training.run.folder import (
    CURVES_FILE,
    LOG_FILE,
    SAMPLES_FILE,
    RunFolder,
)
from training.run.messages import (
    explain_failures,
    print_result,
    print_resumption,
    print_start,
)
from training.run.open_folder import open_run_folder
from training.run.peak_memory import peak_memory
from training.run.pictures import save_curves, save_samples
from training.run.result import Result
from training.run.setup import Run, open_run


def train(
    recipe: Recipe,
    run: str | Path | None = None,
    data_dir: str | Path | None = None,
    quiet: bool = False,
    devices: Devices = ONE_DEVICE,
    accept_other_data: bool = False,
) -> Result:
    """Train a recipe's network on its data, and evaluate it on the validation images.

    The same recipe, seed included, gives the same weights on the same machine. There are two
    exceptions: the augmentation "keras_cv", if its layers draw random numbers, and GPUs, unless
    `tf.config.experimental.enable_op_determinism` was called.

    Args:
        recipe: what to train; `training.recipes.find_recipe` returns the published ones.
        run: folder to write into, created if needed; None: nothing is written. It receives the
            recipe, `labels.txt`, `preprocessing.json`, the environment, a sheet of augmented
            images, a log and curves of the epochs, a checkpoint, and finally `model.keras` and
            `result.json`. An unfinished run of the same recipe is resumed from its checkpoint,
            which is written after each epoch, every ten minutes, and on SIGTERM. The weights are
            then exactly those of a run that was never stopped, except for the random numbers of
            the augmentation "keras_cv".
        data_dir: folder of tensorflow-datasets; None: its default.
        quiet: print only a line for each epoch.
        devices: devices that share each batch. The weights are those of one device except for
            rounding, and for the noise that the network draws, which differs between replicas.
            Every worker of several calls this function; only the first one prints, and reads and
            writes the run's folder.
        accept_other_data: go on with a run although its data have changed since it was begun,
            which `data.json` then says.

    Raises:
        RunFolderError: if the folder can't be used, another process trains into it, or the data
            of a run have changed.
        RecipeError: if the recipe doesn't fit the network, the data or the devices, or a worker
            doesn't start in time.
        DataError: if the data can't be opened.
        TrainingError: if the loss is NaN or infinite, or memory runs out.

    Example: `train(find_recipe("convmixer_digits"), "runs/digits").top1` is the accuracy that
    `keras-mixers train convmixer_digits --run runs/digits` prints.
    """
    start = time.perf_counter()
    cluster = cluster_of(devices)
    if not cluster.is_first:
        run, quiet = None, True
    # Opened first, since preparing the data may take hours.
    with open_run_folder(run, recipe) if run is not None else nullcontext() as folder:
        opened = open_run(recipe, devices, cluster, data_dir, quiet)
        if not quiet:
            print_start(opened)
        done = _start_or_resume(opened, folder, accept_other_data)
        logs, images_per_second = fit_run(opened, folder, done)
        network = in_float32(opened.network)
        if recipe.precision != "float32" or not logs:  # Not evaluated in the saved precision yet.
            logs = _evaluate(opened, network)
        seconds = time.perf_counter() - start
        result = _result(opened, network, logs, images_per_second, seconds)
        if folder is not None:
            _write_result(folder, result)
    if not quiet:
        print_result(opened, result, folder)
    return result


def _start_or_resume(run: Run, folder: RunFolder | None, accept_other_data: bool) -> int:
    """Write what is known before the first step, and return the number of steps already done."""
    done = 0
    if folder is not None:
        done = folder.restore(run.state)
        _check_epochs(run, folder, done)
        remember_data(folder, run.data, done, accept_other_data)
        replicas = run.strategy.num_replicas_in_sync
        changes = folder.write_start(run.recipe, run.data.class_names, run.devices, replicas)
        if done:
            print_resumption(run, done, changes)
        folder.trim_log(done // run.steps)
        # Written now, so that people can look at them before they wait for the training.
        samples, path = run.training_batches(), folder.path / SAMPLES_FILE
        save_samples(samples, run.data.class_names, path, overwrite=True)
    if run.cluster.size > 1:
        with explain_failures(run.console, run.cluster):
            done = run.broadcast_state(done)
    return done


def _check_epochs(run: Run, folder: RunFolder, done: int) -> None:
    if done > run.total_steps:
        raise RunFolderError(
            f"{str(folder.path)!r} holds a run that has done {done // run.steps} epochs; "
            f"Recipe.epochs must be at least as many; received {run.recipe.epochs}."
        )


def _evaluate(run: Run, network: keras.Model) -> dict[str, float]:
    """Evaluate a network on the validation images, with the names that `fit` gives the results."""
    trainer = Trainer(network)
    trainer.compile(loss=build_loss(run.recipe.loss, run.recipe.label_smoothing))
    measured = trainer.evaluate(run.validation_batches(), return_dict=True, verbose=0)
    return {f"val_{name}": value for name, value in measured.items()}


def _result(
    run: Run,
    network: keras.Model,
    logs: dict[str, float],
    images_per_second: float | None,
    seconds: float,
) -> Result:
    images = run.data.validation.size

    def accuracy(name: str) -> float:
        return round(logs[name] * images) / images  # Exact, not rounded to float32.

    return Result(
        recipe=run.recipe.name,
        model=run.network.name,
        dataset=run.data.address,
        validation_images=images,
        top1=accuracy("val_top1"),
        top5=accuracy("val_top5") if run.data.num_classes > 5 else None,
        loss=logs["val_loss"],
        images_per_second=images_per_second,
        seconds=seconds,
        epochs=run.recipe.epochs,
        steps=run.total_steps,
        parameters=run.network.count_params(),
        multiply_adds=multiply_adds(run.network),
        peak_memory=peak_memory(),
        skipped=len(run.data.skipped),
        seed=run.recipe.seed,
        network=with_probabilities(network, run.recipe.loss),
    )


def _write_result(folder: RunFolder, result: Result) -> None:
    """Write curves and network, and last the result, which marks the run as finished."""
    save_curves(folder.path / LOG_FILE, folder.path / CURVES_FILE, overwrite=True)
    folder.write_model(result.network)
    folder.write_json(RESULT_FILE, result.to_dict())
