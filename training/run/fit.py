"""Training: `fit` with all callbacks of a run, from the step at which it was stopped."""

import math
from importlib.util import find_spec

import keras

from training.distributed.strategy import distribute_batches, prepare_for_replicas
from training.loop.callbacks import AverageWeights, Checkpoints, StopOnNaN, Timing
from training.loop.progress import ShowProgress
from training.loop.step_functions import WholeEpochs
from training.run.folder import TENSORBOARD_FOLDER, RunFolder
from training.run.messages import explain_failures
from training.run.setup import Run
from training.schedules import build_schedule


def fit_run(run: Run, folder: RunFolder | None, done: int) -> tuple[dict[str, float], float | None]:
    """Train the steps that are left.

    Args:
        run: the run to train.
        folder: folder to write into; None: nothing is written.
        done: number of steps that are already done.

    Returns:
        The logs of the last epoch, which are empty if no step was left, and the images per second.

    Raises:
        TrainingError: if a step fails, the loss is NaN or infinite, or another worker is lost.
    """
    recipe, steps, trainer = run.recipe, run.steps, run.trainer
    logs: dict[str, float] = {}
    schedule = build_schedule(recipe.schedule, recipe.epochs, steps)
    timing = Timing(schedule, recipe.batch_size, steps)
    callbacks = [WholeEpochs(), StopOnNaN(steps), timing]
    if recipe.ema is not None:
        callbacks.append(AverageWeights(recipe.epochs))
    callbacks += _output_callbacks(run, folder)
    validation = run.validation_batches(run.cluster)
    validation_batch_size = recipe.batch_size // recipe.accumulate
    with (
        prepare_for_replicas(run.network, run.strategy, run.devices),
        explain_failures(run.console, run.cluster, callbacks),
    ):
        for first_step, epochs in _remaining_fit_calls(done, steps, recipe.epochs):
            batches = run.training_batches(first_step, run.cluster)
            history = trainer.fit(
                distribute_batches(batches, run.strategy, recipe.batch_size),
                initial_epoch=first_step // steps,
                epochs=epochs,
                steps_per_epoch=steps - first_step % steps,
                validation_data=distribute_batches(validation, run.strategy, validation_batch_size),
                validation_steps=_validation_steps(run, validation_batch_size),
                callbacks=callbacks,
                shuffle=False,
                verbose=0,
            ).history
            logs = {name: values[-1] for name, values in history.items()}
        if done == run.total_steps:  # `fit` was not called, so that it didn't do this.
            trainer.optimizer.finalize_variable_values(trainer.trainable_variables)
    return logs, timing.images_per_second


def _validation_steps(run: Run, batch_size: int) -> int | None:
    """Return the steps of the worker with the most images, as workers must run equally many.

    None for a single worker: its steps end with its data.
    """
    workers = run.cluster.size
    most_images = math.ceil(run.data.validation.size / workers)
    return math.ceil(most_images / (batch_size // workers)) if workers > 1 else None


def _output_callbacks(run: Run, folder: RunFolder | None) -> list[keras.callbacks.Callback]:
    """Return the callbacks that print and write, with the checkpoints, which may exit, at last."""
    progress = ShowProgress(
        run.console,
        run.recipe.epochs,
        run.steps,
        run.recipe.batch_size,
        run.data.num_classes,
        bar=not run.quiet,
    )
    if folder is None:
        return [progress] if run.cluster.is_first else [progress, Checkpoints(None, run.steps)]
    log = keras.callbacks.LambdaCallback(
        on_epoch_end=lambda epoch, logs: folder.add_row({"epoch": epoch + 1, **logs})
    )
    checkpoints = Checkpoints(lambda step: folder.save(step, run.state), run.steps)
    if find_spec("tensorboard") is None:
        if not run.quiet:
            run.console.print(f"No {TENSORBOARD_FOLDER}/ is written: pip install tensorboard.")
        return [log, progress, checkpoints]
    tensorboard = keras.callbacks.TensorBoard(folder.path / TENSORBOARD_FOLDER, write_graph=False)
    return [log, tensorboard, progress, checkpoints]


def _remaining_fit_calls(done: int, steps: int, epochs: int) -> list[tuple[int, int]]:
    """Return the calls of `fit` that are left: the first step, and the epoch to stop before.

    The rest of an epoch that was begun needs a call of its own.

    >>> [_remaining_fit_calls(done, steps=10, epochs=3) for done in (0, 14, 24, 30)]
    [[(0, 3)], [(14, 2), (20, 3)], [(24, 3)], []]
    """
    epoch, rest = divmod(done, steps)
    calls = [(done, epoch + 1)] if rest else []
    next_epoch = epoch + bool(rest)
    return [*calls, (next_epoch * steps, epochs)] if next_epoch < epochs else calls
