"""Feature maps of an image, and their useless channels."""

import keras
import numpy as np
import pytest
from matplotlib.colors import to_hex

from keras_mixers.visualize import (
    NoPictureError,
    feature_maps,
    feature_maps_figure,
    useless_channels,
)
from keras_mixers.visualize.canvas import WRONG
from tests.helpers.explained import IMAGES, network, without_blocks
from tests.helpers.tiny_models import BUILDERS, build

GRIDS = {"conv_mixer": (8, 12), "t2t_vit_performer": (2, 3), "t2t_vit_transformer": (2, 3)}


@pytest.mark.parametrize("name", BUILDERS)
def test_maps_are_the_outputs_of_the_blocks(name: str) -> None:
    model, (rows, columns) = network(name), GRIDS.get(name, (4, 6))
    found = feature_maps(model, IMAGES)
    assert len(found) == 2
    for i, maps in enumerate(found):
        output = np.asarray(keras.Model(model.input, model.get_layer(f"block_{i}").output)(IMAGES))
        tokens = output.reshape(2, -1, output.shape[-1])
        assert maps.shape == (2, rows, columns, output.shape[-1])
        # Class tokens come first.
        patches = tokens[:, tokens.shape[1] - rows * columns :]
        np.testing.assert_array_equal(maps[:, 1, 2], patches[:, columns + 2])


def test_useless_channels() -> None:
    maps = np.random.default_rng(0).uniform(-1, 1, (4, 6, 9)).astype("float32")
    maps[..., 2] = 300.0  # The same everywhere: not saturated as well.
    maps[..., 4] = 1e-3 * maps[..., 4]
    maps[1, 1, 7] = -40.0
    dead, saturated = useless_channels(maps)
    assert np.flatnonzero(dead).tolist() == [2, 4]
    assert np.flatnonzero(saturated).tolist() == [7]
    assert useless_channels(np.zeros((2, 2, 3))).dead.all()


def test_figure_marks_and_counts_them() -> None:
    model = build("conv_mixer", input_shape=(32, 48, 4))  # Other channels than three.
    norm = model.get_layer("block_1").pointwise_norm
    norm.gamma.assign([0.0, 1, 1, 1, 1, 1, 1, 1])
    norm.beta.assign([0.0, 0, 0, 0, 0, 500, 0, 0])
    image = np.concatenate([IMAGES[0], IMAGES[1, ..., :1]], axis=-1)
    first, second = feature_maps_figure(model, image).axes
    assert first.get_title("left") == "block 0: 0 dead, 0 saturated of 8"
    assert not first.patches
    assert second.get_title("left") == "block 1: 1 dead, 1 saturated of 8"
    dead, saturated = second.patches
    assert (dead.get_x(), dead.get_width(), dead.get_linestyle()) == (-0.5, 12, "--")
    assert (saturated.get_x(), saturated.get_linestyle()) == (5 * 13 - 0.5, "-")
    assert {to_hex(each.get_edgecolor()) for each in second.patches} == {WRONG}


def test_a_model_without_blocks_is_refused() -> None:
    with pytest.raises(NoPictureError, match="'plain' has no feature maps: expected blocks of"):
        feature_maps(without_blocks(), IMAGES)
