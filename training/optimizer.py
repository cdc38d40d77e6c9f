"""AdamW and SGD as the papers' code computes them, and the rules for weight decay.

Keras's optimizers differ. Its Adam adds epsilon before the bias correction of the second moment, so
that an epsilon of 1e-3 acts like 3e-2 in the first step. Its SGD multiplies the gradient by the
learning rate before the momentum, and has a single learning rate for all variables.
"""

import inspect
from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Literal, TypeAlias

import keras
from keras import ops

from training.recipe import Optimizer, Schedule
from training.schedules import build_schedule

Decayed = Literal["all", "matrices", "kernels"]
Rate: TypeAlias = float | keras.optimizers.schedules.LearningRateSchedule


def is_decayed(variable: keras.Variable, rule: Decayed) -> bool:
    """Tell whether weight decay applies to a variable.

    Args:
        variable: trainable variable of a model.
        rule: "all"; "matrices", as in timm: variables of two or more axes, except the class token;
            or "kernels", as in Google's code.

    Raises:
        ValueError: if the rule is unknown.

    >>> import keras_mixers
    >>> model = keras_mixers.ConvMixer(8, 1, input_shape=(14, 14, 3), classes=2)
    >>> [v.path for v in model.trainable_variables if is_decayed(v, "matrices")][-1]
    'head/kernel'
    """
    if rule not in ("all", "matrices", "kernels"):
        raise ValueError(f"decayed must be 'all', 'matrices' or 'kernels'; received {rule!r}.")
    if rule == "kernels":
        return variable.name == "kernel"
    return rule == "all" or (len(variable.shape) > 1 and variable.name != "token")


@keras.saving.register_keras_serializable(package="keras_mixers")
class AdamW(keras.optimizers.AdamW):
    """AdamW with PyTorch's epsilon, and a rule for which variables decay.

    Args:
        learning_rate: number or schedule; it also multiplies the weight decay.
        weight_decay: fraction by which a variable shrinks in a step with a learning rate of 1.
        decayed: rule of `is_decayed`.
        beta_1: decay of the first moment.
        beta_2: decay of the second moment.
        epsilon: number that is added to the square root of the bias-corrected second moment.
        global_clipnorm: maximum global norm of the gradients; None: no clipping.
        use_ema: whether to keep an exponential moving average of the weights.
        ema_momentum: momentum of that average.
        name: name of the optimizer.

    >>> AdamW(0.01, weight_decay=2e-5, epsilon=1e-3).get_config()["decayed"]
    'matrices'

    Reference: Loshchilov and Hutter, https://arxiv.org/abs/1711.05101; torch.optim.AdamW.
    """

    def __init__(
        self,
        learning_rate: Rate = 0.001,
        weight_decay: float = 0.0,
        decayed: Decayed = "matrices",
        beta_1: float = 0.9,
        beta_2: float = 0.999,
        epsilon: float = 1e-8,
        global_clipnorm: float | None = None,
        use_ema: bool = False,
        ema_momentum: float = 0.99,
        name: str = "adamw",
    ) -> None:
        super().__init__(
            learning_rate=learning_rate,
            weight_decay=weight_decay,
            beta_1=beta_1,
            beta_2=beta_2,
            epsilon=epsilon,
            global_clipnorm=global_clipnorm,
            use_ema=use_ema,
            ema_momentum=ema_momentum,
            name=name,
        )
        self.decayed = decayed

    def build(self, variables: Sequence[keras.Variable]) -> None:
        if not self.built:
            fixed = [variable for variable in variables if not is_decayed(variable, self.decayed)]
            self.exclude_from_weight_decay(var_list=fixed)
        super().build(variables)

    def update_step(
        self, gradient: keras.KerasTensor, variable: keras.Variable, learning_rate: Any
    ) -> None:
        dtype = variable.dtype
        gradient = ops.cast(gradient, dtype)
        step = ops.cast(self.iterations + 1, dtype)
        index = self._get_variable_index(variable)
        m, v = self._momentums[index], self._velocities[index]
        self.assign_add(m, (gradient - m) * (1 - self.beta_1))
        self.assign_add(v, (gradient * gradient - v) * (1 - self.beta_2))
        correction_1, correction_2 = (
            1 - ops.power(ops.cast(beta, dtype), step) for beta in (self.beta_1, self.beta_2)
        )
        denominator = ops.sqrt(v) / ops.sqrt(correction_2) + self.epsilon
        self.assign_sub(variable, ops.cast(learning_rate, dtype) / correction_1 * m / denominator)

    def get_config(self) -> dict:
        return _constructor_arguments(type(self), {**super().get_config(), "decayed": self.decayed})


@keras.saving.register_keras_serializable(package="keras_mixers")
class SGD(keras.optimizers.SGD):
    """SGD as PyTorch and optax compute it, optionally with a separate learning rate for the head.

    `m = momentum * m + gradient + weight_decay * variable`, then `variable -= rate * m`.

    Args:
        learning_rate: number or schedule.
        momentum: momentum, from 0 to 1.
        weight_decay: factor of the variable that is added to its gradient.
        decayed: rule of `is_decayed`.
        backbone_rate: number or schedule for all variables except those of the layer `head`; None:
            `learning_rate`.
        global_clipnorm: maximum global norm of the gradients; None: no clipping.
        use_ema: whether to keep an exponential moving average of the weights.
        ema_momentum: momentum of that average.
        name: name of the optimizer.

    >>> SGD(0.05, backbone_rate=0.0005).get_config()["momentum"]
    0.9

    Reference: torch.optim.SGD with parameter groups.
    """

    def __init__(
        self,
        learning_rate: Rate = 0.01,
        momentum: float = 0.9,
        weight_decay: float = 0.0,
        decayed: Decayed = "all",
        backbone_rate: Rate | None = None,
        global_clipnorm: float | None = None,
        use_ema: bool = False,
        ema_momentum: float = 0.99,
        name: str = "sgd",
    ) -> None:
        super().__init__(
            learning_rate=learning_rate,
            momentum=float(momentum),
            global_clipnorm=global_clipnorm,
            use_ema=use_ema,
            ema_momentum=ema_momentum,
            name=name,
        )
        self.coupled_decay = weight_decay  # Keras would apply its own `weight_decay` decoupled.
        self.decayed = decayed
        self.backbone_rate = backbone_rate

    def build(self, variables: Sequence[keras.Variable]) -> None:
        if not self.built:
            self._decays = tuple(is_decayed(variable, self.decayed) for variable in variables)
            self._of_head = tuple("head" in variable.path.split("/") for variable in variables)
        super().build(variables)

    def update_step(
        self, gradient: keras.KerasTensor, variable: keras.Variable, learning_rate: Any
    ) -> None:
        dtype = variable.dtype
        index = self._get_variable_index(variable)
        gradient = ops.cast(gradient, dtype)
        if self.coupled_decay and self._decays[index]:
            gradient = gradient + self.coupled_decay * variable
        if self.backbone_rate is not None and not self._of_head[index]:
            rate = self.backbone_rate
            learning_rate = rate(self.iterations) if callable(rate) else rate
        if self.momentums:
            m = self.momentums[index]
            self.assign(m, self.momentum * m + gradient)
            gradient = m
        self.assign_sub(variable, ops.cast(learning_rate, dtype) * gradient)

    def get_config(self) -> dict:
        rate = self.backbone_rate
        config = {
            **super().get_config(),
            "weight_decay": self.coupled_decay,
            "decayed": self.decayed,
            "backbone_rate": keras.saving.serialize_keras_object(rate) if callable(rate) else rate,
        }
        return _constructor_arguments(type(self), config)

    @classmethod
    def from_config(cls, config: dict, custom_objects: dict | None = None) -> "SGD":
        rate = config.get("backbone_rate")
        if isinstance(rate, dict):
            rate = keras.saving.deserialize_keras_object(rate, custom_objects)
        return super().from_config({**config, "backbone_rate": rate}, custom_objects)


def _constructor_arguments(cls: type, config: dict) -> dict:
    return {name: config[name] for name in inspect.signature(cls).parameters}


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
    if settings.kind == "adamw":
        return AdamW(
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
