"""SGD as PyTorch and optax compute it."""

from collections.abc import Sequence
from typing import Any

import keras

from training.optimizer.arguments import Rate, constructor_arguments
from training.optimizer.weight_decay import Decayed, is_decayed


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
        gradient = keras.ops.cast(gradient, dtype)
        if self.coupled_decay and self._decays[index]:
            gradient = gradient + self.coupled_decay * variable
        if self.backbone_rate is not None and not self._of_head[index]:
            rate = self.backbone_rate
            learning_rate = rate(self.iterations) if callable(rate) else rate
        if self.momentums:
            m = self.momentums[index]
            self.assign(m, self.momentum * m + gradient)
            gradient = m
        self.assign_sub(variable, keras.ops.cast(learning_rate, dtype) * gradient)

    def get_config(self) -> dict:
        rate = self.backbone_rate
        config = {
            **super().get_config(),
            "weight_decay": self.coupled_decay,
            "decayed": self.decayed,
            "backbone_rate": keras.saving.serialize_keras_object(rate) if callable(rate) else rate,
        }
        return constructor_arguments(type(self), config)

    @classmethod
    def from_config(cls, config: dict, custom_objects: dict | None = None) -> "SGD":
        rate = config.get("backbone_rate")
        if isinstance(rate, dict):
            rate = keras.saving.deserialize_keras_object(rate, custom_objects)
        return super().from_config({**config, "backbone_rate": rate}, custom_objects)
