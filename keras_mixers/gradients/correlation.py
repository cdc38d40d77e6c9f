"""The correlation of maps at small distances, by discrete Fourier transforms as matrix products."""

from collections.abc import Sequence

import keras
import numpy as np
from keras import ops

from keras_mixers.gradients.custom import compiled


def correlation_pays(height: int | None, width: int | None, kernel_size: int) -> bool:
    """Return whether `correlate` is faster than a convolution's own gradient.

    A position and channel of a map costs the convolution k * k products, in a loop that is slow,
    and the transforms as many products as a row and a column have frequencies, in matrix products
    that are fast. `python -m benchmarks.depthwise_gradient` times both.

    >>> correlation_pays(16, 16, 9), correlation_pays(16, 16, 3)
    (True, False)
    """
    if height is None or width is None or kernel_size % 2 == 0:
        return False
    rows, columns = (side + kernel_size // 2 for side in (height, width))
    transforms = (rows * height + 2 * rows * columns) / height
    return kernel_size >= 7 and kernel_size**2 > 0.4 * transforms


def correlate(
    maps: keras.KerasTensor, others: keras.KerasTensor, kernel_size: int
) -> keras.KerasTensor:
    """Return the sums of products of two maps, of which one is moved: the gradient of a kernel.

    `y[u, v, c]` is the sum of `maps[b, h + u - p, w + v - p, c] * others[b, h, w, c]` over b, h and
    w, where p is `kernel_size // 2` and maps are zero outside. By the correlation theorem that is
    the inverse transform of the product of one spectrum and the other's conjugate. Transforms of
    length H + p suffice: what they wrap around meets zeros. Half precision computes in float32.

    Args:
        maps: (B, H, W, C).
        others: (B, H, W, C).
        kernel_size: odd side k of the kernel.

    Returns:
        (k, k, C).
    """
    dtype = keras.backend.standardize_dtype(maps.dtype)
    compute_dtype = dtype if dtype == "float64" else "float32"
    _, height, width, _ = maps.shape
    sizes = (height + kernel_size // 2, width + kernel_size // 2)
    transforms = (_transform(ops.cast(x, compute_dtype), sizes) for x in (maps, others))
    spectrum = [ops.sum(part, axis=0) for part in compiled(_product)(*transforms)]
    return ops.cast(_at_distances(spectrum, sizes, kernel_size), dtype)


def _transform(maps: keras.KerasTensor, sizes: tuple[int, int]) -> keras.KerasTensor:
    """Return a transform of maps in four parts, (B, 2, rows // 2 + 1, 2, columns, C).

    Waves over rows are real or imaginary, the first 2, and so are those over columns, the second.
    Half of the rows' frequencies suffices, because the other half is its conjugate.
    """
    _, height, width, channels = maps.shape
    rows, columns = sizes
    half = rows // 2 + 1
    over_rows = _waves(np.arange(half), np.arange(height), rows)
    over_columns = _waves(np.arange(columns), np.arange(width), columns)
    x = ops.matmul(_both_parts(over_rows, maps), ops.reshape(maps, (-1, height, width * channels)))
    x = ops.matmul(_both_parts(over_columns, maps), ops.reshape(x, (-1, width, channels)))
    return ops.reshape(x, (-1, 2, half, 2, columns, channels))


def _product(
    transform: keras.KerasTensor, other: keras.KerasTensor
) -> tuple[keras.KerasTensor, keras.KerasTensor]:
    """Return real and imaginary part of one spectrum times the other's conjugate."""
    (real, imaginary), (other_real, other_imaginary) = (
        (x[:, 0, :, 0] - x[:, 1, :, 1], x[:, 0, :, 1] + x[:, 1, :, 0]) for x in (transform, other)
    )
    return (
        real * other_real + imaginary * other_imaginary,
        imaginary * other_real - real * other_imaginary,
    )


def _at_distances(
    spectrum: Sequence[keras.KerasTensor], sizes: tuple[int, int], kernel_size: int
) -> keras.KerasTensor:
    """Return the inverse transform (k, k, C) at distances of up to k // 2."""
    real, imaginary = spectrum
    rows, columns = sizes
    half, _, channels = real.shape
    distances = np.arange(kernel_size) - kernel_size // 2
    over_columns = _waves(distances, -np.arange(columns), columns)
    over_rows = _waves(distances, -np.arange(half), rows) / (rows * columns)
    # All frequencies but 0 and the middle one of an even number stand for two.
    over_rows[:, 1 : (rows + 1) // 2] *= 2
    cosines, sines = _parts(over_columns, real)
    x = ops.matmul(cosines, real) - ops.matmul(sines, imaginary)
    y = ops.matmul(cosines, imaginary) + ops.matmul(sines, real)
    x, y = (ops.reshape(part, (half, kernel_size * channels)) for part in (x, y))
    cosines, sines = _parts(over_rows, real)
    x = ops.matmul(cosines, x) - ops.matmul(sines, y)
    return ops.reshape(x, (kernel_size, kernel_size, channels))


def _waves(frequencies: np.ndarray, places: np.ndarray, length: int) -> np.ndarray:
    """Return `exp(-2 pi i f x / length)` (frequencies, places)."""
    return np.exp(-2j * np.pi * np.outer(frequencies, places) / length)


def _parts(
    waves: np.ndarray, like: keras.KerasTensor
) -> tuple[keras.KerasTensor, keras.KerasTensor]:
    """Return the real and the imaginary part of waves as tensors."""
    return (
        ops.convert_to_tensor(waves.real, like.dtype),
        ops.convert_to_tensor(waves.imag, like.dtype),
    )


def _both_parts(waves: np.ndarray, like: keras.KerasTensor) -> keras.KerasTensor:
    """Return the real part of waves above the imaginary part, as a tensor."""
    return ops.convert_to_tensor(np.concatenate([waves.real, waves.imag]), like.dtype)
