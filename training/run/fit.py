"""Training itself: `model.fit` with all its callbacks, from where a run was stopped."""

import math
from importlib.util import find_spec

import keras
from rich.console import Console

from training.distributed.strategy import hand_out, shared
from training.loop.batches import training_batches, validation_batches
from training.loop.callbacks import AverageWeights, Checkpoints, Rows, StopOnNaN, Timing
from training.loop.progress import ShowProgress
from training.loop.step_functions import WholeEpochs
from training.run.folder import TENSORBOARD_FOLDER, RunFolder
from training.run.messages import one_line_errors
from training.run.setup import Run
from training.schedules import build_schedule


def fit_run(
    run: Run, folder: RunFolder | None, lines: Console, done: int
) -> tuple[dict[str, float], Timing]:
    """Train, and return the logs of the last epoch, if one was left, and how fast it was.

    Args:
        run: opened; its model is trained.
        folder: to write into; None: nothing is written.
        lines: for what is always printed.
        done: steps that were done before.

    Raises:
        TrainingError: if a step fails, the loss becomes NaN, or another worker is lost.
    """
    recipe, steps, model = run.recipe, run.steps, run.model
    last: dict[str, float] = {}
    timing = Timing(build_schedule(recipe.schedule, recipe.epochs, steps), recipe.batch_size, steps)
    callbacks = [WholeEpochs(), StopOnNaN(steps), timing, Rows(last.update)]
    if recipe.ema is not None:
        callbacks.append(AverageWeights(recipe.epochs))
    callbacks += _writers(run, folder, lines)
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


def _validation_steps(run: Run, batch_size: int) -> int | None:
    """Return as many for all workers, which wait for each other; None for one."""
    workers = run.cluster.size
    most = math.ceil(run.data.validation.size / workers)
    return math.ceil(most / (batch_size // workers)) if workers > 1 else None


def _writers(run: Run, folder: RunFolder | None, lines: Console) -> list[keras.callbacks.Callback]:
    """Return what shows and writes an epoch's row, and last what may end the run."""
    bar = ShowProgress(
        lines,
        run.recipe.epochs,
        run.steps,
        run.recipe.batch_size,
        run.data.num_classes,
        bar=not run.console.quiet,
    )
    if folder is None:
        return [bar] if run.cluster.is_first else [bar, Checkpoints(None, run.steps)]
    checkpoints = Checkpoints(lambda step: folder.save(step, run.state), run.steps)
    if find_spec("tensorboard") is None:
        run.console.print(f"No {TENSORBOARD_FOLDER}/ is written: pip install tensorboard.")
        return [Rows(folder.add_row), bar, checkpoints]
    board = keras.callbacks.TensorBoard(folder.path / TENSORBOARD_FOLDER, write_graph=False)
    return [Rows(folder.add_row), board, bar, checkpoints]


def _parts(done: int, steps: int, epochs: int) -> list[tuple[int, int]]:
    """Return the calls of `fit` that are left: the first step, and the epoch after the last one.

    >>> _parts(0, 10, 3), _parts(14, 10, 3), _parts(24, 10, 3), _parts(30, 10, 3)
    ([(0, 3)], [(14, 2), (20, 3)], [(24, 3)], [])
    """
    epoch, rest = divmod(done, steps)
    parts = [(done, epoch + 1)] if rest else []
    whole = epoch + bool(rest)
    return [*parts, (whole * steps, epochs)] if whole < epochs else parts
