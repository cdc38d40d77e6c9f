from typing import Any

import keras
from keras import ops

from keras_mixers.argument_checks import check_channels_last, check_integer, check_known, check_rank
from keras_mixers.layers.reshape import reshape_keeping_batch


@keras.saving.register_keras_serializable(package="keras_mixers")
class SoftSplit(keras.layers.Layer):
    """Cuts a map into overlapping k x k patches and returns them as tokens.

    The zero-padded map is sliced with stride s along its columns, then along its rows. That needs
    neither arithmetic nor constants, and it converts to TFLite, ONNX and OpenVINO, which refuse or
    inflate the patch operators of the backends.

    Input: (B, H, W, C). Output: (B, N, k * k * C), the patches row by row, each in the order
    (row, column, channel), where N = ((H + 2p - k) // s + 1) * ((W + 2p - k) // s + 1).

    Args:
        kernel_size: Side k of a patch.
        stride: Distance s between patches.
        padding: Number p of rows and columns of zeros added on each side.

    Raises:
        ValueError: If an argument is out of its range, or the padded map is smaller than a patch.

    Example:

    >>> tuple(SoftSplit(kernel_size=7, stride=4, padding=2)(keras.ops.ones((1, 32, 32, 3))).shape)
    (1, 64, 147)

    Reference: Yuan et al., https://arxiv.org/abs/2101.11986 (there as `nn.Unfold`, whose patches
    are in the order (channel, row, column)).
    """

    def __init__(self, kernel_size: int, stride: int, padding: int = 0, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        check_channels_last()
        self.kernel_size = check_integer("kernel_size", kernel_size)
        self.stride = check_integer("stride", stride)
        self.padding = check_integer("padding", padding, least=0)

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        self.compute_output_shape(input_shape)

    def grid(self, height: int, width: int) -> tuple[int, int]:
        """Return the rows and columns of patches in a map of this size."""
        return self._patches(height), self._patches(width)

    def _patches(self, side: int) -> int:
        return (side + 2 * self.padding - self.kernel_size) // self.stride + 1

    def _windows(self) -> list[slice]:
        """Return a slice for each offset within a patch, which takes it from every patch."""
        k = self.kernel_size
        return [slice(i, i + 1 - k or None, self.stride) for i in range(k)]

    def call(self, inputs: keras.KerasTensor) -> keras.KerasTensor:
        border = (self.padding, self.padding)
        x = ops.pad(inputs, ((0, 0), border, border, (0, 0)))
        x = ops.concatenate([x[:, :, window] for window in self._windows()], axis=-1)
        x = ops.concatenate([x[:, window] for window in self._windows()], axis=-1)
        return reshape_keeping_batch(x, self.compute_output_shape(inputs.shape)[1:], like=inputs)

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        check_rank("SoftSplit", input_shape, "(B, H, W, C)")
        batch, height, width, channels = input_shape
        channels = check_known("SoftSplit", "the channels", channels)
        rows, columns = (None if side is None else self._patches(side) for side in (height, width))
        if any(side is not None and side < 1 for side in (rows, columns)):
            raise ValueError(
                f"The map is smaller than a patch: received height {height} and width {width}, "
                f"expected at least {max(1, self.kernel_size - 2 * self.padding)} each "
                f"(kernel_size {self.kernel_size}, padding {self.padding})."
            )
        return (batch, rows and columns and rows * columns, self.kernel_size**2 * channels)

    def get_config(self) -> dict:
        return {
            **super().get_config(),
            "kernel_size": self.kernel_size,
            "stride": self.stride,
            "padding": self.padding,
        }
