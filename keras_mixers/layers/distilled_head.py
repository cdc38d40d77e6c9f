from typing import Any

import keras
from keras import ops

from keras_mixers.argument_checks import check_integer, check_known, check_rank


@keras.saving.register_keras_serializable(package="keras_mixers")
class DistilledHead(keras.layers.Layer):
    """Classifies the class token and the distillation token with a head each, and averages both.

    Input: (B, 2 * C), the features of the class token before those of the distillation token.
    Output: (B, units), the mean of the two heads' logits.

    Args:
        units: Number of classes.
        kernel_initializer: Initial weights of both heads; biases start at 0.

    Raises:
        ValueError: If `units` is not a positive integer, or the number of channels is odd.

    Example:

    >>> tuple(DistilledHead(5)(keras.ops.ones((2, 8))).shape)
    (2, 5)

    Reference: Touvron et al., https://arxiv.org/abs/2012.12877, section 4.
    """

    def __init__(
        self,
        units: int,
        kernel_initializer: str | keras.initializers.Initializer = "glorot_uniform",
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.units = check_integer("units", units)
        self.kernel_initializer = keras.initializers.get(kernel_initializer)

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        check_rank("DistilledHead", input_shape, "(B, 2 * C)")
        channels = check_known("DistilledHead", "the channels", input_shape[-1])
        if channels % 2:
            raise ValueError(
                "DistilledHead expects the features of two tokens, an even number of channels; "
                f"received {channels}."
            )
        self.class_head, self.distillation_head = (
            keras.layers.Dense(
                self.units,
                # A copy for each: one Keras initializer gives the same numbers twice.
                kernel_initializer=self.kernel_initializer.clone(),
                dtype=self.dtype_policy,
                name=name,
            )
            for name in ("class_head", "distillation_head")
        )
        for head in (self.class_head, self.distillation_head):
            head.build((None, channels // 2))

    def call(self, inputs: keras.KerasTensor) -> keras.KerasTensor:
        class_token, distillation_token = ops.split(inputs, 2, axis=-1)
        return (self.class_head(class_token) + self.distillation_head(distillation_token)) / 2

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        return (input_shape[0], self.units)

    def get_config(self) -> dict:
        return {
            **super().get_config(),
            "units": self.units,
            "kernel_initializer": keras.initializers.serialize(self.kernel_initializer),
        }
