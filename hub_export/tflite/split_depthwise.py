"""Large depthwise convolutions as sums of small ones.

XNNPACK has code of its own for depthwise kernels of 3, 4, 9 and 25 positions, and fills others up
to the next of these. Kernels of more than 25 it computes several times slower.
"""

from itertools import product

import keras
from keras import ops

# Rows and columns of a tile. In whole networks of int8 no tiles of 3 x 3, 5 x 5 and single rows
# were faster.
TILE = (3, 8)
Part = tuple[slice, slice]


def nested_depthwise(
    x: keras.KerasTensor, kernel: keras.KerasTensor, bias: keras.KerasTensor
) -> keras.KerasTensor:
    """Convolve each channel of a map with its own kernel, as a sum over nested squares.

    The middle of the kernel, 5 x 5 or 4 x 4, is one convolution. The squares around it are others
    of up to 9 positions, spread (dilated) to both sides of the middle: all take the whole map, and
    none has to be cut and padded. In floats this is faster than `tiled_depthwise`. In int8 it is
    slower, and more sums are rounded.

    Args:
        x: (B, H, W, C), padded with zeros as `padding="same"` says.
        kernel: (k, k, C, 1), k >= 6.
        bias: (C,).
    """
    if None in x.shape[:3]:  # The converter would spread the map instead of the kernel.
        return tiled_depthwise(x, kernel, bias)
    y = bias
    for rows, columns in nested_parts(kernel.shape[0]):
        spread = (rows.step, columns.step)
        y = y + ops.depthwise_conv(x, kernel[rows, columns], padding="same", dilation_rate=spread)
    return y


def nested_parts(side: int) -> list[Part]:
    """Return the parts of a kernel, each of which lies around its middle."""
    middle = 5 if side % 2 else 4
    first = (side - middle) // 2
    square = slice(first, first + middle, 1)
    # A line of the square: {-2, 0, 2} and {-1, 1}, or {-1, 2} and {0, 1}.
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
        x: (B, H, W, C), padded with zeros as `padding="same"` says.
        kernel: (k, k, C, 1).
        bias: (C,).
    """
    side = kernel.shape[0]
    before, after = (side - 1) // 2, side // 2
    # A tile takes its own part of the map, which XNNPACK pads on the fly. A map that may be
    # smaller than what a tile leaves out is padded for all tiles instead.
    if any(size is None or size < after for size in x.shape[1:3]):
        border = (before, after)
        x, before, after = ops.pad(x, ((0, 0), border, border, (0, 0))), 0, 0
    y = bias
    for rows, columns in product(*(_cuts(side, step) for step in TILE)):
        borders = [(before - part.start, after - (side - part.stop)) for part in (rows, columns)]
        y = y + ops.depthwise_conv(_with_border(x, borders), kernel[rows, columns], padding="valid")
    return y


def _with_border(x: keras.KerasTensor, borders: list[tuple[int, int]]) -> keras.KerasTensor:
    """Add rows and columns of zeros before and after a map; negative numbers take away."""
    rows, columns = (slice(max(-a, 0), min(b, 0) or None) for a, b in borders)
    zeros = ((max(a, 0), max(b, 0)) for a, b in borders)
    return ops.pad(x[:, rows, columns], ((0, 0), *zeros, (0, 0)))


def _cuts(side: int, step: int) -> list[slice]:
    return [slice(start, min(start + step, side)) for start in range(0, side, step)]
