"""`SoftSplit` in a form for XNNPACK, which has no slices with strides."""

import keras
from keras import ops

from keras_mixers.layers.soft_split import SoftSplit


class BlockedSoftSplit(SoftSplit):
    """`SoftSplit` that cuts the padded map into s x s blocks, which its patches are made of.

    A patch is a block and those that follow it, below and beside, of which the last may not be
    whole. Blocks are a matter of reshaping, and neighbours one of slices without strides.
    """

    def call(self, inputs: keras.KerasTensor) -> keras.KerasTensor:
        height, width, channels = inputs.shape[1:]
        if height is None or width is None:
            return super().call(inputs)
        rows, columns = self.grid(height, width)
        more = -(-self.kernel_size // self.stride) - 1  # Blocks of a patch after its first.
        tall, wide = ((count + more) * self.stride for count in (rows, columns))
        before = self.padding
        below, beside = (max(0, side - before) for side in (tall - height, wide - width))
        x = ops.pad(inputs, ((0, 0), (before, below), (before, beside), (0, 0)))
        x = x[:, :tall, :wide]  # What no patch reaches is left out.
        x = ops.reshape(x, (-1, tall, columns + more, self.stride * channels))
        x = self._joined([x[:, :, i : i + columns] for i in range(more + 1)], channels)
        # The rows of a block lie apart: they are brought together.
        size = self.kernel_size * channels
        x = ops.transpose(ops.reshape(x, (-1, self.stride, columns, size)), (0, 2, 1, 3))
        x = ops.reshape(x, (-1, rows + more, columns, self.stride * size))
        x = self._joined([x[:, i : i + rows] for i in range(more + 1)], size)
        return ops.reshape(x, (-1, rows * columns, self.kernel_size * size))

    def _joined(self, blocks: list[keras.KerasTensor], size: int) -> keras.KerasTensor:
        """Join neighbouring blocks, of whose rows or columns each has `size` numbers."""
        last = (self.kernel_size - (len(blocks) - 1) * self.stride) * size
        return ops.concatenate([*blocks[:-1], blocks[-1][..., :last]], axis=-1)
