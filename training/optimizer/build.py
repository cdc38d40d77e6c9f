"""The optimizer of a recipe."""

from dataclasses import replace

import keras

from training.optimizer.adamw import AdamW
from training.optimizer.lamb import LAMB
from training.optimizer.sgd import SGD
from training.recipe import Optimizer
from training.schedule_settings import Schedule
from training.schedules import build_schedule


def build_optimizer(
    settings: Optimizer,
    schedule: Schedule,
    epochs: int,
    steps_per_epoch: int,
    ema: float | None = None,
) -> keras.optimizers.Optimizer:
    """Return a recipe's optimizer, for `model.compile`.

    The learning rate depends only on `optimizer.iterations`. If the weights are averaged, the
    average replaces them at the end of `fit`, and during evaluation with
    `keras.callbacks.SwapEMAWeights`.

    Args:
        settings: the recipe's optimizer.
        schedule: the recipe's learning rate.
        epochs: number of epochs of the whole run.
        steps_per_epoch: updates of the weights per epoch.
        ema: momentum of the moving average of the weights; None: no average.

    >>> from training.recipes import find_recipe
    >>> recipe = find_recipe("convmixer_digits")
    >>> build_optimizer(recipe.optimizer, recipe.schedule, 20, steps_per_epoch=22).global_clipnorm
    1.0
    """
    learning_rate = build_schedule(schedule, epochs, steps_per_epoch)
    use_ema, ema_momentum = ema is not None, ema or 0.0
    if settings.kind != "sgd":
        kind = AdamW if settings.kind == "adamw" else LAMB
        return kind(
            learning_rate,
            settings.weight_decay,
            settings.decayed,
            epsilon=settings.epsilon,
            global_clipnorm=settings.clip_norm,
            use_ema=use_ema,
            ema_momentum=ema_momentum,
        )
    backbone_rate = None
    if settings.backbone_scale != 1:
        # Only the peak is scaled: PyTorch's cosine ends at the same rate for all parameter groups.
        slower = replace(schedule, peak=schedule.peak * settings.backbone_scale)
        backbone_rate = build_schedule(slower, epochs, steps_per_epoch)
    return SGD(
        learning_rate,
        settings.momentum,
        settings.weight_decay,
        settings.decayed,
        backbone_rate,
        global_clipnorm=settings.clip_norm,
        use_ema=use_ema,
        ema_momentum=ema_momentum,
    )
