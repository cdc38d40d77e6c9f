"""What an MLP-Mixer's hidden units, or the tokens of a ResMLP or gMLP, take from which patches."""

from __future__ import annotations

from typing import TYPE_CHECKING

import keras
import numpy as np

from keras_mixers.layers import (
    GMLPBlock,
    MixerBlock,
    PatchEmbed,
    ResMLPBlock,
    SoftSplit,
    SpatialGatingUnit,
)
from keras_mixers.layers.patch_grid import patch_grid
from keras_mixers.visualize.canvas import blocks_figure, mosaic, spread, to_signed
from keras_mixers.visualize.network import (
    NoPictureError,
    find_layers,
    require_layers,
    weights_of,
)

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_COLUMNS, _MOST_PAIRS = 8, 32
_TOKEN_LAYERS = (ResMLPBlock, GMLPBlock, SpatialGatingUnit)


def token_mixing_maps(model: keras.Model) -> np.ndarray:
    """Return what each hidden unit of an MLP-Mixer's token MLPs takes from each patch.

    Each unit is followed by the one whose weights oppose it most, and pairs are sorted by the mean
    frequency of their maps, the smoothest first. If the number of units is odd, the one that is
    left comes last.

    Args:
        model: A model with `MixerBlock`s, also inside models in it.

    Returns:
        The weights, (blocks, units, rows, columns).

    Raises:
        NoPictureError: If the model has no `MixerBlock`, or the grid of patches is unknown.
        ValueError: If its blocks have different numbers of units.

    Reference: Tolstikhin et al., https://arxiv.org/abs/2105.01601, figures 5 and 6.

    >>> import keras_mixers
    >>> model = keras_mixers.MLPMixer(8, 2, input_shape=(32, 48, 3), tokens_mlp_dim=6)
    >>> token_mixing_maps(model).shape
    (2, 6, 2, 3)
    """
    blocks = require_layers(model, "token-mixing MLPs", MixerBlock)
    kernels = [weights_of(block.token_mlp.dense_0.kernel) for block in blocks]
    return _stack(model, [sort_in_pairs(_to_maps(model, kernel.T)) for kernel in kernels])


def token_matrices(model: keras.Model) -> np.ndarray:
    """Return what each token of a ResMLP's or gMLP's blocks takes from each patch.

    Args:
        model: A model with `ResMLPBlock`s, `GMLPBlock`s or `SpatialGatingUnit`s, also inside models
            in it.

    Returns:
        The weights, (blocks, tokens, rows, columns), tokens in the order of their patches.

    Raises:
        NoPictureError: If the model has no such block, or the grid of patches is unknown.
        ValueError: If its blocks have different numbers of tokens.

    Reference: Touvron et al., https://arxiv.org/abs/2105.03404, figure 3.

    >>> import keras_mixers
    >>> token_matrices(keras_mixers.gMLP(8, 2, input_shape=(32, 48, 3))).shape
    (2, 6, 2, 3)
    """
    kernels = []
    for block in require_layers(model, "token matrices", *_TOKEN_LAYERS):
        mixer = block.gate if isinstance(block, GMLPBlock) else block
        kernels.append(weights_of(mixer.token_dense.kernel))
    return _stack(model, [_to_maps(model, kernel.T) for kernel in kernels])


def token_mixing_figure(model: keras.Model) -> Figure:
    """Draw `token_mixing_maps` or else `token_matrices`, a picture a block.

    Of an MLP-Mixer, up to 32 pairs of units are drawn, a pair side by side, from the smoothest to
    the finest; of the others, each token's map at the place of its patch. Weights above zero are
    orange and those below are purple, each map in its own range.

    Raises:
        NoPictureError: If the model has neither.
        ImportError: If matplotlib is not installed.

    >>> import keras_mixers
    >>> figure = token_mixing_figure(keras_mixers.MLPMixer(8, 2, input_shape=(32, 48, 3)))
    >>> [axes.get_title() for axes in figure.axes]
    ['block 0', 'block 1']
    """
    require_layers(model, "weights between tokens", MixerBlock, *_TOKEN_LAYERS)
    if find_layers(model, MixerBlock):
        maps = token_mixing_maps(model)
        pairs = spread(-(-maps.shape[1] // 2), _MOST_PAIRS)
        shown = [unit for pair in pairs for unit in (2 * pair, 2 * pair + 1)]
        maps = maps[:, [unit for unit in shown if unit < maps.shape[1]]]
        title, columns = "Token-mixing units, in opposing pairs by frequency", _COLUMNS
    else:
        maps = token_matrices(model)
        title, columns = "What each token takes from each patch", maps.shape[3]
    names = [(f"block {i}", mosaic(to_signed(block), columns)) for i, block in enumerate(maps)]
    return blocks_figure(title, names)


def sort_in_pairs(maps: np.ndarray) -> np.ndarray:
    """Sort maps (N, rows, columns) into pairs that oppose each other, smooth pairs first.

    >>> maps = np.array([[[1.0, -1.0]], [[1.0, 1.0]], [[-1.0, 1.0]], [[-1.0, -1.0]]])
    >>> sort_in_pairs(maps)[:, 0].tolist()
    [[1.0, 1.0], [-1.0, -1.0], [1.0, -1.0], [-1.0, 1.0]]
    """
    vectors = maps.reshape(len(maps), -1)
    norms = np.linalg.norm(vectors, axis=1, keepdims=True)
    vectors = vectors / np.where(norms > 0, norms, 1)
    cosines = vectors @ vectors.T
    # The most opposing pair is taken first, so that no unit spoils a better pair of others.
    first, second = np.triu_indices(len(maps), 1)
    free, pairs = set(range(len(maps))), []
    for i in np.argsort(cosines[first, second], kind="stable"):
        pair = (int(first[i]), int(second[i]))
        if free.issuperset(pair):
            free.difference_update(pair)
            pairs.append(pair)
    frequencies = mean_frequency(maps)
    pairs.sort(key=lambda pair: float(frequencies[list(pair)].mean()))
    return maps[[*(unit for pair in pairs for unit in pair), *free]]


def mean_frequency(maps: np.ndarray) -> np.ndarray:
    """Return the mean frequency of maps (N, rows, columns), in cycles a patch.

    It is the mean distance from zero of the two-dimensional frequencies, weighted with their power:
    0 for a constant map, and 0.5 for stripes of one patch each.

    >>> mean_frequency(np.array([[[1.0, 1.0]], [[1.0, -1.0]]])).tolist()
    [0.0, 0.5]
    """
    down, across = (np.fft.fftfreq(side) for side in maps.shape[1:])
    distance = np.hypot(down[:, None], across)
    power = np.abs(np.fft.fft2(maps)) ** 2
    total = power.sum(axis=(1, 2))
    return (power * distance).sum(axis=(1, 2)) / np.where(total > 0, total, 1)


def _to_maps(model: keras.Model, weights: np.ndarray) -> np.ndarray:
    """Return weights (N, patches) as maps (N, rows, columns)."""
    grid = patch_grid(find_layers(model, PatchEmbed, SoftSplit))
    if grid is None or grid[0] * grid[1] != weights.shape[1]:
        raise NoPictureError(
            f"The weights of the model {model.name!r} for {weights.shape[1]} tokens can't be "
            "drawn: expected a PatchEmbed or SoftSplit with as many patches, received a grid of "
            f"{grid}."
        )
    return weights.reshape(len(weights), *grid)


def _stack(model: keras.Model, blocks: list[np.ndarray]) -> np.ndarray:
    sizes = [len(maps) for maps in blocks]
    if len(set(sizes)) > 1:
        raise ValueError(
            f"The blocks of the model {model.name!r} can't be drawn together: expected the same "
            f"number of maps in each, received {sizes}."
        )
    return np.stack(blocks)
