"""Times the gradient of depthwise kernels: `python -m benchmarks.depthwise_gradient`.

TensorFlow and `correlate` take turns, and medians count. `correlation_pays` was chosen by this.
"""

import time
from collections.abc import Callable
from statistics import median

import tensorflow as tf
from rich.console import Console
from rich.table import Table

from keras_mixers.gradients.correlation import correlate, correlation_pays

ROUNDS = 7
# Batch, side of the map, channels, side of the kernel.
SHAPES = [
    (8, 16, 1024, 9),
    (4, 32, 768, 7),
    (2, 32, 1536, 9),
    (32, 32, 256, 9),
    (64, 16, 256, 7),
    (64, 16, 256, 5),
    (64, 8, 64, 5),
    (8, 16, 1024, 3),
]


def seconds(function: Callable, *inputs: tf.Tensor) -> float:
    """Return how long one call takes."""
    begun = time.perf_counter()
    function(*inputs)
    return time.perf_counter() - begun


def compare(batch: int, side: int, channels: int, kernel_size: int) -> tuple[float, float, float]:
    """Return the median milliseconds of both, and their largest relative difference."""
    kernel = (kernel_size, kernel_size, channels, 1)

    @tf.function
    def theirs(maps: tf.Tensor, gradient: tf.Tensor) -> tf.Tensor:
        return tf.nn.depthwise_conv2d_backprop_filter(maps, kernel, gradient, [1] * 4, "SAME")

    @tf.function
    def ours(maps: tf.Tensor, gradient: tf.Tensor) -> tf.Tensor:
        return correlate(maps, gradient, kernel_size)[..., None]

    inputs = [tf.random.normal((batch, side, side, channels)) for _ in range(2)]
    expected = theirs(*inputs)
    difference = tf.reduce_max(abs(ours(*inputs) - expected)) / tf.reduce_max(abs(expected))
    times = [(seconds(theirs, *inputs), seconds(ours, *inputs)) for _ in range(ROUNDS)]
    first, second = (1e3 * median(column) for column in zip(*times, strict=True))
    return first, second, float(difference)


def main() -> None:
    """Print a row for each shape."""
    view = Table("batch, side, channels, kernel", "TensorFlow", "ours", "ratio", "used", "diff.")
    for shape in SHAPES:
        theirs, ours, difference = compare(*shape)
        _, side, _, kernel_size = shape
        used = "yes" if correlation_pays(side, side, kernel_size) else "no"
        cells = (f"{theirs:.1f}", f"{ours:.1f}", f"{theirs / ours:.1f}", used, f"{difference:.0e}")
        view.add_row(str(shape), *cells)
    Console().print(view)


if __name__ == "__main__":
    main()
