"""LAMB as timm computes it."""

from collections.abc import Sequence
from typing import Any

import keras
from keras import ops

from training.optimizer.adamw import AdamW
from training.optimizer.arguments import Rate, constructor_arguments
from training.optimizer.weight_decay import Decayed, is_decayed


@keras.saving.register_keras_serializable(package="keras_mixers")
class LAMB(AdamW):
    """LAMB: AdamW whose step of each decayed variable is as long as the variable's own norm.

    `update = adam + weight_decay * variable`, then
    `variable -= rate * norm(variable) / norm(update) * update`. A variable that doesn't decay, or
    one of whose norms is 0, takes Adam's step.

    Args:
        learning_rate: number or schedule.
        weight_decay: factor of the variable that is added to Adam's step.
        decayed: rule of `is_decayed`.
        beta_1: decay of the first moment.
        beta_2: decay of the second moment.
        epsilon: number that is added to the square root of the bias-corrected second moment.
        global_clipnorm: maximum global norm of the gradients, which is 1 by default in timm; None:
            no clipping.
        use_ema: whether to keep an exponential moving average of the weights.
        ema_momentum: momentum of that average.
        name: name of the optimizer.

    >>> LAMB(5e-3, weight_decay=0.2, global_clipnorm=1.0).get_config()["weight_decay"]
    0.2

    Reference: You et al., https://arxiv.org/abs/1904.00962; timm's `Lamb`, whose defaults are those
    of `FusedLAMB` in NVIDIA's apex.
    """

    def __init__(
        self,
        learning_rate: Rate = 0.001,
        weight_decay: float = 0.0,
        decayed: Decayed = "matrices",
        beta_1: float = 0.9,
        beta_2: float = 0.999,
        epsilon: float = 1e-6,
        global_clipnorm: float | None = None,
        use_ema: bool = False,
        ema_momentum: float = 0.99,
        name: str = "lamb",
    ) -> None:
        super().__init__(
            learning_rate=learning_rate,
            decayed=decayed,
            beta_1=beta_1,
            beta_2=beta_2,
            epsilon=epsilon,
            global_clipnorm=global_clipnorm,
            use_ema=use_ema,
            ema_momentum=ema_momentum,
            name=name,
        )
        self.weight_decay = None  # Keras would subtract it apart from the step.
        self.scaled_decay = weight_decay

    def build(self, variables: Sequence[keras.Variable]) -> None:
        if not self.built:
            self._decays = tuple(is_decayed(variable, self.decayed) for variable in variables)
        super().build(variables)

    def update_step(
        self, gradient: keras.KerasTensor, variable: keras.Variable, learning_rate: Any
    ) -> None:
        update = self.adam_step(gradient, variable, 1.0)
        if self.scaled_decay and self._decays[self._get_variable_index(variable)]:
            update = update + self.scaled_decay * variable
            norms = [ops.sqrt(ops.sum(ops.square(values))) for values in (variable, update)]
            is_zero = ops.equal(norms[0] * norms[1], 0)
            ratio = norms[0] / ops.where(is_zero, 1.0, norms[1])
            update = ops.where(is_zero, 1.0, ratio) * update
        self.assign_sub(variable, ops.cast(learning_rate, variable.dtype) * update)

    def get_config(self) -> dict:
        return constructor_arguments(
            type(self), {**super().get_config(), "weight_decay": self.scaled_decay}
        )
