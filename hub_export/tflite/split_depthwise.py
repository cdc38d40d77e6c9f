"""Computes large depthwise convolutions as sums of small ones.

XNNPACK has dedicated code for depthwise kernels with 3, 4, 9 and 25 positions, and pads other
kernels to the next of these sizes. It computes kernels with more than 25 positions several times
slower.
"""

from itertools import product

import keras
from keras import ops

# Rows and columns of a tile. In whole int8 networks, neither 3 x 3 nor 5 x 5 tiles nor single rows
# were faster.
TILE = (3, 8)
KernelPart = tuple[slice, slice]


def nested_depthwise(
    x: keras.KerasTensor, kernel: keras.KerasTensor, bias: keras.KerasTensor
) -> keras.KerasTensor:
    """Convolve each channel of a map with its own kernel, as a sum over nested squares.

    The middle of the kernel, 5 x 5 or 4 x 4, is one convolution. The square rings around it are
    dilated convolutions with up to 9 positions on both sides of the middle. All of them take the
    whole map, so that nothing has to be cut or padded. In floats this is faster than
    `tiled_depthwise`; in int8 it is slower, and rounds more sums.

    Args:
        x: Map (B, H, W, C), padded with zeros as by `padding="same"`.
        kernel: Depthwise kernel (k, k, C, 1) with k >= 6.
        bias: One number per channel, (C,).
    """
    if None in x.shape[:3]:  # The converter would rearrange the map instead of dilating the kernel.
        return tiled_depthwise(x, kernel, bias)
    y = bias
    for rows, columns in nested_parts(kernel.shape[0]):
        spread = (rows.step, columns.step)
        y = y + ops.depthwise_conv(x, kernel[rows, columns], padding="same", dilation_rate=spread)
    return y


def nested_parts(side: int) -> list[KernelPart]:
    """Return the parts that a kernel of `side` x `side` is split into, all around its middle."""
    middle = 5 if side % 2 else 4
    first = (side - middle) // 2
    square = slice(first, first + middle, 1)
    # The positions along one side of the square: {-2, 0, 2} and {-1, 1}, or {-1, 2} and {0, 1}.
    line = [slice(first, first + middle, 2 if side % 2 else 3), _ends(side, first + 1)]
    around = [_ends(side, i) for i in range(first)]
    crossed = [*product(around, line), *product(line, around), *product(around, around)]
    return [(square, square), *crossed]


def _ends(side: int, i: int) -> slice:
    """Return the i-th position from the left, and the i-th from the right."""
    return slice(i, side - i, side - 1 - 2 * i)


def tiled_depthwise(
    x: keras.KerasTensor, kernel: keras.KerasTensor, bias: keras.KerasTensor
) -> keras.KerasTensor:
    """Convolve each channel of a map with its own kernel, as a sum over tiles of the kernel.

    Args:
        x: Map (B, H, W, C), padded with zeros as by `padding="same"`.
        kernel: Depthwise kernel (k, k, C, 1).
        bias: One number per channel, (C,).
    """
    side = kernel.shape[0]
    before, after = (side - 1) // 2, side // 2
    # Each tile takes its own part of the map, which XNNPACK pads on the fly. A map that may be too
    # small for such a part is padded once, for all tiles.
    if any(size is None or size < after for size in x.shape[1:3]):
        border = (before, after)
        x, before, after = ops.pad(x, ((0, 0), border, border, (0, 0))), 0, 0
    y = bias
    for rows, columns in product(*(_tile_slices(side, step) for step in TILE)):
        borders = [(before - part.start, after - (side - part.stop)) for part in (rows, columns)]
        y = y + ops.depthwise_conv(_pad_or_crop(x, borders), kernel[rows, columns], padding="valid")
    return y


def _pad_or_crop(x: keras.KerasTensor, borders: list[tuple[int, int]]) -> keras.KerasTensor:
    """Pad a map with rows and columns of zeros; negative numbers crop it instead."""
    rows, columns = (slice(max(-a, 0), min(b, 0) or None) for a, b in borders)
    zeros = ((max(a, 0), max(b, 0)) for a, b in borders)
    return ops.pad(x[:, rows, columns], ((0, 0), *zeros, (0, 0)))


def _tile_slices(side: int, step: int) -> list[slice]:
    """Return the slices of up to `step` positions that `side` positions are cut into."""
    return [slice(start, min(start + step, side)) for start in range(0, side, step)]
