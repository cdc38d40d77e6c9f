from typing import Any

import keras
from keras import ops

from keras_mixers.argument_checks import check_rate


@keras.saving.register_keras_serializable(package="keras_mixers")
class DropPath(keras.layers.Layer):
    """Stochastic depth: in training, zeroes a residual branch for some samples of the batch.

    Each sample's branch is dropped as a whole with probability `rate`; the survivors are scaled by
    `1 / (1 - rate)`, so that the expected value stays the same and inference is the identity.

    Input and output: (B, ...).

    Args:
        rate: Probability of dropping a sample's branch, in [0, 1).
        seed: Integer seed, for the same drops in every run.

    Raises:
        ValueError: If `rate` is not in [0, 1).

    Example:

    >>> x = keras.ops.ones((4, 2))
    >>> DropPath(0.5)(x, training=False) is x
    True

    Reference: Huang et al., https://arxiv.org/abs/1603.09382; timm's `DropPath`.
    """

    def __init__(self, rate: float, seed: int | None = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.rate = check_rate("rate", rate)
        self.seed = seed
        self.supports_masking = True
        if self.rate > 0:
            self.seed_generator = keras.random.SeedGenerator(seed)
        self.built = True

    def call(self, inputs: keras.KerasTensor, training: bool = False) -> keras.KerasTensor:
        if not training or self.rate == 0:
            return inputs
        one_per_sample = (ops.shape(inputs)[0],) + (1,) * (len(inputs.shape) - 1)
        return keras.random.dropout(
            inputs, self.rate, noise_shape=one_per_sample, seed=self.seed_generator
        )

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        return input_shape

    def get_config(self) -> dict:
        return {**super().get_config(), "rate": self.rate, "seed": self.seed}
