"""Which pixels the features in an image's centre depend on, and how much."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import keras
import numpy as np
from keras import ops

from keras_mixers.layers import PatchEmbed, SoftSplit
from keras_mixers.visualize.canvas import frame, image_axes, new_figure, spread
from keras_mixers.visualize.input_gradient import input_gradient
from keras_mixers.visualize.network import (
    Call,
    Network,
    check_images,
    require_blocks,
    take_apart,
    to_maps,
)

if TYPE_CHECKING:
    from matplotlib.figure import Figure

SHARES = (0.5, 0.95)
_MOST_BLOCKS, _SIDE = 6, 2.6
_LEAST_DRAWS, _PIXELS_AT_ONCE = 8, 1 << 15


class ReceptiveField(NamedTuple):
    """The effective receptive field of a block's central features.

    Attributes:
        block: Number of the block.
        centre: Row and column of the pixel on which they are centred, which may lie between two.
        field: Mean absolute gradient (H, W), whose sum is 1.
    """

    block: int
    centre: tuple[float, float]
    field: np.ndarray

    def radius(self, share: float) -> float:
        """Return how far from the centre, in pixels, the nearest `share` of the field lies.

        >>> ReceptiveField(0, (0.0, 1.0), np.array([[0.2, 0.5, 0.3]])).radius(0.5)
        0.0
        """
        rows, columns = (np.arange(side) for side in self.field.shape)
        distances = np.hypot(rows[:, None] - self.centre[0], columns - self.centre[1]).ravel()
        order = np.argsort(distances, kind="stable")
        held = np.cumsum(self.field.ravel()[order])
        # A share that the sum misses by rounding is reached.
        reached = int(np.searchsorted(held, share * held[-1] * (1 - 1e-6)))
        return float(distances[order[reached]])


def receptive_fields(
    model: keras.Model,
    images: np.ndarray | None = None,
    blocks: Sequence[int] | None = None,
) -> list[ReceptiveField]:
    """Measure the effective receptive field of blocks: what their central features depend on.

    The central features are added up with random signs, so that those of opposite effect don't
    cancel out, once for each image, and at least eight times. The absolute gradient of the sum is
    averaged over these times and over the channels of the pixels.

    Args:
        model: A functional or sequential model with blocks of any family.
        images: (B, H, W, C), pixels as the model takes them; by default eight images of noise.
        blocks: Numbers of the blocks, by default all.

    Raises:
        NoPictureError: If the model has no blocks, or their outputs aren't maps.
        ValueError: If there is no such block, the model doesn't take these images, or it takes
            images of any size and there are none.

    Reference: Luo et al., https://arxiv.org/abs/1701.04128.

    >>> import keras_mixers
    >>> model = keras_mixers.ConvMixer(8, 1, patch_size=2, kernel_size=3, input_shape=(32, 32, 3))
    >>> field = receptive_fields(model)[0].field
    >>> int((field > 0).any(axis=0).sum())  # three patches of two pixels
    6
    """
    network = take_apart(model)
    found = require_blocks(network, "receptive fields")
    numbers = range(len(found)) if blocks is None else blocks
    if not all(0 <= i < len(found) for i in numbers):
        raise ValueError(
            f"blocks must be numbers from 0 to {len(found) - 1}; received {list(numbers)}."
        )
    return _measure_all(network, images, numbers)


def noise_images(shape: Sequence[int | None], count: int = _LEAST_DRAWS) -> np.ndarray:
    """Return images (B, H, W, C) of uniform noise in [0, 255], always the same.

    Raises:
        ValueError: If height or width is None.

    >>> noise_images((4, 6, 3)).shape
    (8, 4, 6, 3)
    """
    sides = [side for side in shape if side is not None]
    if len(sides) < len(shape):
        raise ValueError(
            "The model takes images of any size: give images of the size that you mean; received "
            "none."
        )
    return np.random.default_rng(0).uniform(0, 255, (count, *sides)).astype("float32")


def receptive_field_figure(model: keras.Model, images: np.ndarray | None = None) -> Figure:
    """Draw the effective receptive fields of up to six blocks, with their radii.

    Brightness is the square root of the gradient, since most of a field is far weaker than its
    centre. The solid circle holds 50 % of the field and the dashed one 95 %.

    Args:
        model: See `receptive_fields`.
        images: See `receptive_fields`.

    Raises:
        NoPictureError: See `receptive_fields`.
        ValueError: See `receptive_fields`.
        ImportError: If matplotlib is not installed.

    >>> import keras_mixers
    >>> model = keras_mixers.ConvMixer(8, 1, patch_size=2, kernel_size=3, input_shape=(32, 32, 3))
    >>> figure = receptive_field_figure(model)
    >>> figure.axes[0].get_title().splitlines()[0]
    'block 0'
    """
    return draw_fields(shown_fields(model, images))


def shown_fields(model: keras.Model, images: np.ndarray | None = None) -> list[ReceptiveField]:
    """Return the `receptive_fields` of the blocks that are drawn, up to six.

    >>> import keras_mixers
    >>> model = keras_mixers.ConvMixer(4, 8, patch_size=2, kernel_size=3, input_shape=(8, 8, 3))
    >>> [field.block for field in shown_fields(model)]
    [0, 1, 3, 4, 6, 7]
    """
    network = take_apart(model)
    count = len(require_blocks(network, "receptive fields"))
    return _measure_all(network, images, spread(count, _MOST_BLOCKS))


def draw_fields(fields: Sequence[ReceptiveField]) -> Figure:
    """Draw what `receptive_fields` returned; see `receptive_field_figure`."""
    from matplotlib.patches import Circle

    columns = math.ceil(math.sqrt(len(fields)))
    rows = math.ceil(len(fields) / columns)
    height, width = fields[0].field.shape
    # The title of a lone block must fit, too.
    figure = new_figure(
        max(_SIDE * columns, 4.6), rows * (_SIDE * height / width + 0.5) + 0.6, dpi=120
    )
    figure.suptitle("Effective receptive field, circles hold 50 % and 95 %", fontsize=11)
    for axes, each in zip(image_axes(figure, len(fields), columns), fields, strict=True):
        axes.imshow(np.sqrt(each.field), cmap="inferno", vmin=0, interpolation="nearest")
        radii = [each.radius(share) for share in SHARES]
        for radius, style in zip(radii, ("-", "--"), strict=True):
            row, column = each.centre
            axes.add_patch(
                Circle((column, row), radius, fill=False, ec="#4fc3f7", lw=1.5, ls=style)
            )
        axes.set_title(
            f"block {each.block}\n50 % within {radii[0]:.1f} px, 95 % {radii[1]:.1f} px",
            fontsize=8,
            pad=3,
        )
        axes.set(xlim=(-0.5, width - 0.5), ylim=(height - 0.5, -0.5))
        frame(axes)
    return figure


def _measure_all(
    network: Network, images: np.ndarray | None, numbers: Sequence[int]
) -> list[ReceptiveField]:
    if images is None:
        images = noise_images(network.images.shape[1:])
    images, blocks = check_images(images, network.images.shape), network.blocks()
    return [_measure(network, blocks[i], i, images) for i in numbers]


def _measure(network: Network, call: Call, number: int, images: np.ndarray) -> ReceptiveField:
    """Return the field of one block."""
    model = keras.Model(network.images, call.output)
    rng = np.random.default_rng(0)
    height, width = images.shape[1:3]
    total = np.zeros((height, width))
    draws = np.arange(max(len(images), _LEAST_DRAWS)) % len(images)
    # Large images come one by one, because gradients keep what every layer computed.
    at_once = max(1, _PIXELS_AT_ONCE // (height * width))
    for start in range(0, len(draws), at_once):
        batch = images[draws[start : start + at_once]]
        values = ops.convert_to_numpy(model(batch, training=False))
        # The same maps, but each number is its own place: those of the centre get a sign.
        places = to_maps(call, np.arange(values.size).reshape(values.shape))
        rows, columns = places.shape[1:3]
        central = places[:, rows // 2, columns // 2]
        signs = np.zeros(values.size, values.dtype)
        signs[central] = rng.choice([-1, 1], central.shape)
        weights = ops.convert_to_tensor(signs.reshape(values.shape))

        def signed_sum(x: Any, weights: Any = weights) -> Any:
            return ops.sum(model(x, training=False) * weights)

        total += np.abs(input_gradient(signed_sum, batch)).mean(axis=-1).sum(axis=0)
    centre = _centre(network, call, (rows, columns), (height, width))
    return ReceptiveField(number, centre, total / max(float(total.sum()), 1e-30))


def _centre(
    network: Network, call: Call, grid: tuple[int, int], size: Sequence[int]
) -> tuple[float, float]:
    """Return the pixel on which the central features are centred."""
    before = [each.layer for each in network.calls[: network.calls.index(call)]]
    patches = [layer for layer in before if isinstance(layer, PatchEmbed | SoftSplit)]
    if not patches:  # A stem of other layers: the position in proportion.
        row, column = (
            (count // 2 + 0.5) * side / count - 0.5 for count, side in zip(grid, size, strict=True)
        )
        return row, column
    centre = [float(count // 2) for count in grid]
    for layer in reversed(patches):
        if isinstance(layer, PatchEmbed):
            stride, kernel, padding = layer.patch_size, layer.patch_size, 0
        else:
            stride, kernel, padding = layer.stride, layer.kernel_size, layer.padding
        centre = [stride * place - padding + (kernel - 1) / 2 for place in centre]
    return centre[0], centre[1]
