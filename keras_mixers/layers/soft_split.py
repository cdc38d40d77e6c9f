from collections.abc import Iterator
from typing import Any

import keras
from keras import ops

from keras_mixers.argument_checks import check_channels_last, check_integer, check_known, check_rank
from keras_mixers.layers.reshape import reshape_keeping_batch


@keras.saving.register_keras_serializable(package="keras_mixers")
class SoftSplit(keras.layers.Layer):
    """Cuts a map into overlapping k x k patches and returns them as tokens.

    The zero-padded map is cut into s x s blocks, where s is the stride, by reshaping. A patch is
    made of a block and those to the right of it and below, of which the last belong to it in part.
    That needs neither arithmetic nor strided slices, and it converts to TFLite, ONNX and OpenVINO,
    which refuse or inflate the patch operators of the backends.

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

    @property
    def _blocks_after(self) -> int:
        """Number of blocks, along one axis, that a patch reaches into after its first."""
        return -(-self.kernel_size // self.stride) - 1

    def _border(self, side: int | None) -> tuple[int, int]:
        """Return how many zeros to add before and after a side, so that all blocks are whole."""
        if side is None:  # At most; what is too much is cut off.
            return self.padding, self.padding + self.stride - 1
        whole = (self._patches(side) + self._blocks_after) * self.stride
        return self.padding, max(0, whole - side - self.padding)

    def _widths(self, size: int) -> Iterator[tuple[int, int]]:
        """Yield the number of each block of a patch, and how much of it the patch takes.

        Args:
            size: Numbers in each row or column of a block.
        """
        for i in range(self._blocks_after + 1):
            yield i, min(self.stride, self.kernel_size - i * self.stride) * size

    def call(self, inputs: keras.KerasTensor) -> keras.KerasTensor:
        s, more = self.stride, self._blocks_after
        _, height, width, channels = ops.shape(inputs)
        rows, columns = self.grid(height, width)
        borders = [self._border(side) for side in inputs.shape[1:3]]
        x = ops.pad(inputs, ((0, 0), *borders, (0, 0)))
        x = x[:, : (rows + more) * s, : (columns + more) * s]  # Some reach into no patch.
        x = ops.reshape(x, (-1, (rows + more) * s, columns + more, s * channels))
        parts = [x[:, :, i : i + columns, :width] for i, width in self._widths(channels)]
        x = ops.concatenate(parts, axis=-1)
        # Brings the rows of each block together.
        size = self.kernel_size * channels
        x = ops.transpose(ops.reshape(x, (-1, s, columns, size)), (0, 2, 1, 3))
        x = ops.reshape(x, (-1, rows + more, columns, s * size))
        parts = [x[:, i : i + rows, :, :width] for i, width in self._widths(size)]
        x = ops.concatenate(parts, axis=-1)
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
