"""AdamW as PyTorch computes it."""

from collections.abc import Sequence
from typing import Any

import keras
from keras import ops

from training.optimizer.arguments import Rate, constructor_arguments
from training.optimizer.weight_decay import Decayed, is_decayed


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

    def adam_step(
        self, gradient: keras.KerasTensor, variable: keras.Variable, rate: Any
    ) -> keras.KerasTensor:
        """Update a variable's moments, and return what is subtracted from it at this rate."""
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
        return ops.cast(rate, dtype) / correction_1 * m / denominator

    def update_step(
        self, gradient: keras.KerasTensor, variable: keras.Variable, learning_rate: Any
    ) -> None:
        self.assign_sub(variable, self.adam_step(gradient, variable, learning_rate))

    def get_config(self) -> dict:
        return constructor_arguments(type(self), {**super().get_config(), "decayed": self.decayed})
