"""Maps of weights between tokens, and depthwise kernels."""

from collections.abc import Callable

import keras
import numpy as np
import pytest

import keras_mixers
from keras_mixers.layers import MixerBlock
from keras_mixers.visualize import (
    NoPictureError,
    depthwise_figure,
    depthwise_kernels,
    token_matrices,
    token_mixing_figure,
    token_mixing_maps,
)
from keras_mixers.visualize.canvas import mosaic
from keras_mixers.visualize.token_mixing import mean_frequency, sort_in_pairs
from tests.helpers.explained import nested, network, own_sequence
from tests.helpers.tiny_models import build


def waves(rows: int, columns: int, cycles: int) -> np.ndarray:
    """Return a wave across the columns, with so many cycles a row."""
    return np.tile(np.cos(2 * np.pi * cycles * np.arange(columns) / columns), (rows, 1))


def test_maps_are_the_weights_of_the_hidden_units() -> None:
    model = network("mlp_mixer")
    maps = token_mixing_maps(model)
    assert maps.shape == (2, 4, 4, 6)
    for i, block in enumerate(maps):
        kernel = np.asarray(model.get_layer(f"block_{i}").token_mlp.dense_0.kernel)
        expected = {tuple(kernel[:, unit]) for unit in range(4)}
        assert {tuple(unit.ravel()) for unit in block} == expected


def test_a_map_shows_the_patch_that_a_unit_reads() -> None:
    model = keras_mixers.MLPMixer(4, 1, 8, tokens_mlp_dim=1, input_shape=(32, 48, 3))
    kernel = np.zeros((24, 1))
    kernel[1 * 6 + 4] = 2  # Row 1, column 4.
    model.get_layer("block_0").token_mlp.dense_0.kernel.assign(kernel)
    ((found,),) = token_mixing_maps(model)
    assert found[1, 4] == 2
    assert np.count_nonzero(found) == 1


def test_opposing_units_become_pairs_by_frequency() -> None:
    base = [waves(4, 8, cycles) for cycles in (1, 2, 3)]
    maps = np.stack([base[2], base[0], -2 * base[1], -base[2], base[1], -base[0]])
    np.testing.assert_array_equal(
        sort_in_pairs(maps), np.stack([base[0], -base[0], -2 * base[1], base[1], base[2], -base[2]])
    )


def test_an_odd_unit_comes_last() -> None:
    maps = np.stack([waves(2, 8, 1), waves(2, 8, 3), -waves(2, 8, 3)])
    np.testing.assert_array_equal(sort_in_pairs(maps), maps[[1, 2, 0]])


def test_mean_frequency_of_waves() -> None:
    across = np.stack([waves(4, 8, cycles) for cycles in range(5)])
    np.testing.assert_allclose(mean_frequency(across), np.arange(5) / 8, atol=1e-12)
    down = np.stack([waves(4, 8, 2).T])
    np.testing.assert_allclose(mean_frequency(down), 2 / 8, atol=1e-12)
    # Half of the power is constant, and half has a frequency of 1/4.
    mixed = 2**-0.5 + waves(4, 8, 2)
    np.testing.assert_allclose(mean_frequency(mixed[None]), 1 / 8, atol=1e-12)
    assert mean_frequency(np.zeros((1, 2, 2))) == 0


@pytest.mark.parametrize("name", ["res_mlp", "gmlp"])
def test_matrices_show_what_a_token_takes(name: str) -> None:
    maps = token_matrices(network(name))
    assert maps.shape == (2, 24, 4, 6)
    for i, block in enumerate(maps):
        layer = network(name).get_layer(f"block_{i}")
        kernel = np.asarray(getattr(layer, "gate", layer).token_dense.kernel)
        for token in range(24):
            np.testing.assert_array_equal(block[token].ravel(), kernel[:, token])


def test_figure_of_matrices_has_a_token_at_the_place_of_its_patch() -> None:
    axes = token_mixing_figure(network("gmlp")).axes
    assert [each.get_title() for each in axes] == ["block 0", "block 1"]
    drawn = np.asarray(axes[1].images[0].get_array().filled(np.nan))
    assert drawn.shape == (4 * 5 - 1, 6 * 7 - 1)
    token = token_matrices(network("gmlp"))[1, 2 * 6 + 3]  # Row 2, column 3.
    np.testing.assert_allclose(drawn[10:14, 21:27], token / abs(token).max())


def test_figure_of_units_takes_pairs_from_smooth_to_fine() -> None:
    model = keras_mixers.MLPMixer(4, 1, 8, tokens_mlp_dim=90, input_shape=(32, 48, 3))
    (maps,) = token_mixing_maps(model)
    drawn = token_mixing_figure(model).axes[0].images[0].get_array().filled(np.nan)
    assert drawn.shape == (8 * 5 - 1, 8 * 7 - 1)  # 32 of 45 pairs, four a row.
    np.testing.assert_allclose(drawn[:4, 7:13], maps[1] / abs(maps[1]).max())
    np.testing.assert_allclose(drawn[-4:, -6:], maps[89] / abs(maps[89]).max())


def test_depthwise_kernels_are_sorted_by_norm() -> None:
    model = network("conv_mixer")
    for i, found in enumerate(depthwise_kernels(model)):
        kernel = np.asarray(model.get_layer(f"block_{i}").depthwise.kernel)[..., 0]
        channels = np.argsort(-np.linalg.norm(kernel.reshape(9, 8), axis=0))
        np.testing.assert_array_equal(found, np.stack([kernel[..., c] for c in channels]))
    titles = [axes.get_title() for axes in depthwise_figure(model).axes]
    assert titles == ["block 0, 3 x 3", "block 1, 3 x 3"]


def test_blocks_are_found_by_type() -> None:
    assert [kernels.shape for kernels in depthwise_kernels(nested())] == [(8, 3, 3)] * 2
    model = own_sequence()
    assert [kernels.shape for kernels in depthwise_kernels(model)] == [(6, 3, 3)]
    assert token_mixing_maps(model).shape == (1, 5, 4, 6)


def test_mosaic_has_gaps() -> None:
    tiles = mosaic(np.arange(12.0).reshape(3, 2, 2), columns=2)
    gap = np.nan
    expected = [[0, 1, gap, 4, 5], [2, 3, gap, 6, 7], [gap] * 5, [8, 9, *[gap] * 3]]
    np.testing.assert_array_equal(tiles[:4], expected)
    assert tiles.shape == (5, 5)


@pytest.mark.parametrize(
    ("function", "message"),
    [
        (token_mixing_maps, "expected blocks of type MixerBlock, received none"),
        (
            token_matrices,
            "expected blocks of type ResMLPBlock, GMLPBlock, SpatialGatingUnit, received none",
        ),
        (
            token_mixing_figure,
            "expected blocks of type MixerBlock, ResMLPBlock, GMLPBlock, SpatialGatingUnit, "
            "received none",
        ),
        (depthwise_kernels, "expected blocks of type ConvMixerBlock, received none"),
    ],
)
def test_other_families_are_refused(function: Callable, message: str) -> None:
    with pytest.raises(NoPictureError, match=f"The model 'vit' has no .*{message}"):
        function(network("vit"))


def test_tokens_without_a_grid_are_refused() -> None:
    tokens = keras.Input((6, 4))
    model = keras.Model(tokens, MixerBlock(3, 5)(tokens), name="tokens")
    with pytest.raises(NoPictureError, match=r"'tokens' for 6 tokens .* received a grid of None"):
        token_mixing_maps(model)


def test_blocks_of_other_sizes_are_refused() -> None:
    model = build("mlp_mixer", include_top=False)
    model = keras.Model(model.inputs, MixerBlock(9, 5)(model.output), name="uneven")
    with pytest.raises(ValueError, match=r"'uneven' .* received \[4, 4, 9\]"):
        token_mixing_maps(model)
