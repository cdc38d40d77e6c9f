"""Converts trained weights for one image size to weights for another, in numpy.

A grid is (rows, columns) of patches, whose tokens are numbered row by row.
"""

import math

import numpy as np

from keras_mixers.argument_checks import nearest_multiples

Grid = tuple[int, int]

# The parameter of Keys' cubic kernel in torch; others, such as PIL, use -0.5.
_CUBIC = -0.75


def scale_factors(old_grid: Grid, new_grid: Grid, patch_size: int | None = None) -> Grid:
    """Return how many times the old grid fits into the new one, (down, across).

    Args:
        old_grid: (rows, columns) of patches of the trained weights.
        new_grid: (rows, columns) of patches of the model.
        patch_size: Side of a patch in pixels, for sizes in pixels in the message; else in patches.

    Raises:
        ValueError: If it does not fit a whole number of times; the message names sizes that fit.

    Example:

    >>> scale_factors((14, 14), (28, 14))
    (2, 1)
    """
    if min(*old_grid, *new_grid) < 1:
        raise ValueError(
            "Grids must have at least one row and one column; received "
            f"{_format_grid(old_grid)} and {_format_grid(new_grid)}."
        )
    factors = new_grid[0] // old_grid[0], new_grid[1] // old_grid[1]
    unit = "patches" if patch_size is None else "pixels"
    advice = []
    for side, old, new in zip(("height", "width"), old_grid, new_grid, strict=True):
        if new % old:
            sizes = (size * (patch_size or 1) for size in (new, old))
            advice.append(f"a {side} of {nearest_multiples(*sizes)} {unit}")
    if advice:
        raise ValueError(
            f"Token weights for {_format_grid(old_grid)} patches fit only whole multiples of "
            f"that grid; received {_format_grid(new_grid)} patches, use {' and '.join(advice)}."
        )
    return factors


def spread_token_mlp(
    kernel_0: np.ndarray,
    bias_0: np.ndarray,
    kernel_1: np.ndarray,
    bias_1: np.ndarray,
    old_grid: Grid,
    new_grid: Grid,
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Return the weights of a token MLP that treats each part of a larger grid like the old one.

    The new grid is cut into K parts of the old grid's size, side by side. The new kernels are
    block diagonal up to the order of the tokens, so the parts exchange nothing until the weights
    are trained further. With S tokens in the old grid and a token MLP of width D:

    Args:
        kernel_0: Kernel of the first Dense layer, (S, D).
        bias_0: Bias of the first Dense layer, (D,).
        kernel_1: Kernel of the second Dense layer, (D, S).
        bias_1: Bias of the second Dense layer, (S,).
        old_grid: (rows, columns) of patches of these weights.
        new_grid: (rows, columns) of patches of the model, multiples of the old ones.

    Returns:
        The same four, (K S, K D), (K D,), (K D, K S) and (K S,).

    Raises:
        ValueError: If the new grid is not a multiple of the old one, or the weights don't fit the
            old one.

    Example:

    >>> kernel, *_ = spread_token_mlp(
    ...     np.eye(2), np.zeros(2), np.eye(2), np.zeros(2), old_grid=(1, 2), new_grid=(2, 2)
    ... )
    >>> kernel.shape
    (4, 4)

    Reference: Tolstikhin et al., https://arxiv.org/abs/2105.01601, appendix C, which leaves the
    order of the tokens open.
    """
    down, across = scale_factors(old_grid, new_grid)
    parts, size, width = down * across, math.prod(old_grid), len(bias_0)
    shapes = [np.shape(array) for array in (kernel_0, bias_0, kernel_1, bias_1)]
    if shapes != [(size, width), (width,), (width, size), (size,)]:
        raise ValueError(
            f"A token MLP over {_format_grid(old_grid)} patches has kernels ({size}, D) and "
            f"(D, {size}) and biases (D,) and ({size},); received shapes "
            f"{', '.join(map(str, shapes))}."
        )
    tokens = _tokens_of_parts(old_grid, (down, across))
    part = np.arange(parts)[:, np.newaxis]
    new_kernel_0 = np.zeros((parts * size, parts, width), kernel_0.dtype)
    new_kernel_0[tokens, part] = kernel_0
    new_kernel_1 = np.zeros((parts, width, parts * size), kernel_1.dtype)
    new_kernel_1[part, :, tokens] = kernel_1.T
    new_bias_1 = np.zeros(parts * size, bias_1.dtype)
    new_bias_1[tokens] = bias_1
    return (
        new_kernel_0.reshape(parts * size, parts * width),
        np.tile(bias_0, parts),
        new_kernel_1.reshape(parts * width, parts * size),
        new_bias_1,
    )


def spread_token_dense(
    kernel: np.ndarray, bias: np.ndarray, old_grid: Grid, new_grid: Grid
) -> tuple[np.ndarray, np.ndarray]:
    """Return the weights of a layer over tokens that treats each part of a larger grid alike.

    It does for one layer from tokens to tokens what `spread_token_mlp` does for two.

    Args:
        kernel: Kernel of the layer, (S, S) for S tokens in the old grid.
        bias: Its bias, (S,).
        old_grid: (rows, columns) of patches of these weights.
        new_grid: (rows, columns) of patches of the model, multiples of the old ones.

    Returns:
        Kernel (K S, K S) and bias (K S,), for a grid of K parts.

    Raises:
        ValueError: If the new grid is not a multiple of the old one, or the weights don't fit the
            old one.

    Example:

    >>> spread_token_dense(np.ones((2, 2)), np.zeros(2), (1, 2), (1, 4))[0].astype(int)
    array([[1, 1, 0, 0],
           [1, 1, 0, 0],
           [0, 0, 1, 1],
           [0, 0, 1, 1]])

    Reference: Tolstikhin et al., https://arxiv.org/abs/2105.01601, appendix C.
    """
    tokens = _tokens_of_parts(old_grid, scale_factors(old_grid, new_grid))
    size = math.prod(old_grid)
    if kernel.shape != (size, size) or bias.shape != (size,):  # Others could be repeated to fit.
        raise ValueError(
            f"A layer over {_format_grid(old_grid)} patches has kernel ({size}, {size}) and bias "
            f"({size},); received shapes {kernel.shape}, {bias.shape}."
        )
    new_kernel = np.zeros((tokens.size, tokens.size), kernel.dtype)
    new_kernel[tokens[:, :, np.newaxis], tokens[:, np.newaxis]] = kernel
    new_bias = np.zeros(tokens.size, bias.dtype)
    new_bias[tokens] = bias
    return new_kernel, new_bias


def _tokens_of_parts(old_grid: Grid, factors: Grid) -> np.ndarray:
    """Return the index (K, S), in the whole image, of token s of part k."""
    (rows, columns), (down, across) = old_grid, factors
    places = np.arange(rows * columns * down * across).reshape(down, rows, across, columns)
    return places.transpose(0, 2, 1, 3).reshape(down * across, rows * columns)


def interpolate_positions(
    table: np.ndarray,
    old_grid: Grid,
    new_grid: Grid,
    class_tokens: int = 1,
    antialias: bool = False,
) -> np.ndarray:
    """Return a position table for another grid by bicubic interpolation.

    The first positions, those of the class tokens, are kept. The table is computed in float64 and
    returned in its own type; for the same grid, the same numbers are returned.

    Args:
        table: (1, class_tokens + N, C), where N is the number of patches in the old grid.
        old_grid: (rows, columns) of patches of the table.
        new_grid: (rows, columns) of patches of the model.
        class_tokens: Number of class tokens.
        antialias: Whether to widen the kernel for a smaller grid, as timm does for ViT; T2T-ViT's
            authors don't.

    Raises:
        ValueError: If the table does not have the old grid.

    Example:

    >>> interpolate_positions(np.ones((1, 1 + 2 * 2, 8)), (2, 2), (3, 4)).shape
    (1, 13, 8)

    Reference: `F.interpolate(mode="bicubic")` of torch, in T2T-ViT's `utils.resize_pos_embed` and,
    antialiased, in timm's `resample_abs_pos_embed`.
    """
    rows, columns = old_grid
    if table.ndim != 3 or table.shape[:2] != (1, class_tokens + rows * columns):
        raise ValueError(
            f"A position table for {_format_grid(old_grid)} patches has shape "
            f"(1, {class_tokens + rows * columns}, C); received {table.shape}."
        )
    old = table[0, class_tokens:].reshape(rows, columns, -1).astype("float64")
    cubic = _antialiased_cubic_matrix if antialias and old_grid != new_grid else _cubic_matrix
    down, across = (cubic(*sizes) for sizes in zip(old_grid, new_grid, strict=True))
    new = np.einsum("yr,xc,rcd->yxd", down, across, old, optimize=True)
    patches = new.reshape(1, -1, table.shape[2]).astype(table.dtype)
    return np.concatenate([table[:, :class_tokens], patches], axis=1)


def _cubic_matrix(old: int, new: int) -> np.ndarray:
    """Return the matrix (new, old) that resamples a line of points by cubic convolution."""
    centre = (np.arange(new) + 0.5) * old / new - 0.5
    taps = np.floor(centre).astype(int)[:, np.newaxis] + np.arange(-1, 3)
    distance = np.abs(centre[:, np.newaxis] - taps)
    near = ((_CUBIC + 2) * distance - (_CUBIC + 3)) * distance**2 + 1
    far = _CUBIC * (((distance - 5) * distance + 8) * distance - 4)
    matrix = np.zeros((new, old))
    # Beyond the edge, the last point is repeated.
    inside = taps.clip(0, old - 1)
    np.add.at(matrix, (np.arange(new)[:, np.newaxis], inside), np.where(distance <= 1, near, far))
    return matrix


def _antialiased_cubic_matrix(old: int, new: int) -> np.ndarray:
    """Return the matrix (new, old) of torch's antialiased form, whose kernel is PIL's."""
    scale = old / new
    width = max(scale, 1.0)
    centre = (np.arange(new) + 0.5)[:, np.newaxis] * scale
    distance = np.abs(np.arange(old) + 0.5 - centre) / width
    near = (1.5 * distance - 2.5) * distance**2 + 1
    far = -0.5 * (((distance - 5) * distance + 8) * distance - 4)
    matrix = np.where(distance <= 1, near, np.where(distance < 2, far, 0.0))
    return matrix / matrix.sum(axis=1, keepdims=True)


def _format_grid(grid: Grid) -> str:
    return f"{grid[0]} x {grid[1]}"
