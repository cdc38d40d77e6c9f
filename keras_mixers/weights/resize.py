"""Turns of trained weights for one size of image into weights for another, in numpy alone.

A grid is (rows, columns) of patches; tokens go through it row by row.
"""

import numpy as np

from keras_mixers.argument_checks import nearest_multiples

Grid = tuple[int, int]

# Of Keys' cubic kernel, as torch has it; others, such as PIL, take -0.5.
_CUBIC = -0.75


def scale_factors(old_grid: Grid, new_grid: Grid, patch_size: int | None = None) -> Grid:
    """Return how many times the old grid fits into the new one, (down, across).

    Args:
        old_grid: (rows, columns) of patches of the trained weights.
        new_grid: (rows, columns) of patches of the model.
        patch_size: side of a patch in pixels, to say in pixels what would fit; None: in patches.

    Raises:
        ValueError: if it does not fit a whole number of times; the message names sizes that do.

    Example:

    >>> scale_factors((14, 14), (28, 14))
    (2, 1)
    """
    if min(*old_grid, *new_grid) < 1:
        raise ValueError(
            "Grids must have at least one row and one column; received "
            f"{_times(old_grid)} and {_times(new_grid)}."
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
            f"MLP-Mixer's weights for {_times(old_grid)} patches fit whole multiples of that grid "
            f"alone; received {_times(new_grid)} patches, use {' and '.join(advice)}."
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
    """Return the weights of a token MLP that treats each part of a larger grid as the old one did.

    The new grid is cut into K parts of the old grid's size, side by side. The new kernels are
    block diagonal up to the order of the tokens, so nothing passes from a part to another until
    they are trained further. With S tokens in the old grid and a token MLP of width D:

    Args:
        kernel_0: of the first Dense layer, (S, D).
        bias_0: (D,).
        kernel_1: of the second Dense layer, (D, S).
        bias_1: (S,).
        old_grid: (rows, columns) of patches of these weights.
        new_grid: (rows, columns) of patches of the model, multiples of the old ones.

    Returns:
        The same four, (K S, K D), (K D,), (K D, K S) and (K S,).

    Raises:
        ValueError: if the new grid is no multiple of the old, or the weights don't fit it.

    Example:

    >>> kernel, *_ = spread_token_mlp(
    ...     np.eye(2), np.zeros(2), np.eye(2), np.zeros(2), old_grid=(1, 2), new_grid=(2, 2)
    ... )
    >>> kernel.shape
    (4, 4)

    Reference: Tolstikhin et al., https://arxiv.org/abs/2105.01601, appendix C, which leaves the
    order of the tokens to the reader.
    """
    down, across = scale_factors(old_grid, new_grid)
    (rows, columns), parts = old_grid, down * across
    size, width = rows * columns, len(bias_0)
    shapes = [np.shape(array) for array in (kernel_0, bias_0, kernel_1, bias_1)]
    if shapes != [(size, width), (width,), (width, size), (size,)]:
        raise ValueError(
            f"A token MLP over {_times(old_grid)} patches has kernels ({size}, D) and (D, {size}) "
            f"and biases (D,) and ({size},); received shapes {', '.join(map(str, shapes))}."
        )
    # tokens[g, s]: where the whole image has the token that is number s in part g.
    places = np.arange(parts * size).reshape(down, rows, across, columns)
    tokens = places.transpose(0, 2, 1, 3).reshape(parts, size)
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


def interpolate_positions(table: np.ndarray, old_grid: Grid, new_grid: Grid) -> np.ndarray:
    """Return a position table for another grid by bicubic interpolation, without antialiasing.

    The class token's position, the first, is kept. Computed in float64, returned in the table's
    own type; for the same grid it returns the same numbers.

    Args:
        table: (1, 1 + N, C), N being the patches of the old grid.
        old_grid: (rows, columns) of patches of the table.
        new_grid: (rows, columns) of patches of the model.

    Raises:
        ValueError: if the table is not of the old grid.

    Example:

    >>> interpolate_positions(np.ones((1, 1 + 2 * 2, 8)), (2, 2), (3, 4)).shape
    (1, 13, 8)

    Reference: `F.interpolate(mode="bicubic")` of torch, with which T2T-ViT's
    `utils.resize_pos_embed` fits its tables to other images.
    """
    rows, columns = old_grid
    if table.ndim != 3 or table.shape[:2] != (1, 1 + rows * columns):
        raise ValueError(
            f"A position table for {_times(old_grid)} patches has shape "
            f"(1, {1 + rows * columns}, C); received {table.shape}."
        )
    old = table[0, 1:].reshape(rows, columns, -1).astype("float64")
    down, across = (_cubic(*sizes) for sizes in zip(old_grid, new_grid, strict=True))
    new = np.einsum("yr,xc,rcd->yxd", down, across, old, optimize=True)
    patches = new.reshape(1, -1, table.shape[2]).astype(table.dtype)
    return np.concatenate([table[:, :1], patches], axis=1)


def _cubic(old: int, new: int) -> np.ndarray:
    """Return the matrix (new, old) that resamples a line of points by cubic convolution."""
    centre = (np.arange(new) + 0.5) * old / new - 0.5
    taps = np.floor(centre).astype(int)[:, np.newaxis] + np.arange(-1, 3)
    distance = np.abs(centre[:, np.newaxis] - taps)
    near = ((_CUBIC + 2) * distance - (_CUBIC + 3)) * distance**2 + 1
    far = _CUBIC * (((distance - 5) * distance + 8) * distance - 4)
    matrix = np.zeros((new, old))
    # Beyond the edge, the last point goes on.
    inside = taps.clip(0, old - 1)
    np.add.at(matrix, (np.arange(new)[:, np.newaxis], inside), np.where(distance <= 1, near, far))
    return matrix


def _times(grid: Grid) -> str:
    return f"{grid[0]} x {grid[1]}"
