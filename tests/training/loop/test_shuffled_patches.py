"""Images with shuffled patches: what is shuffled, and which networks can tell."""

from pathlib import Path

import keras
import numpy as np
import pytest

from tests.helpers.runs import PREPROCESSING, SMALL
from training.errors import RecipeError
from training.loop.network import build_model
from training.loop.shuffled_patches import pixel_order
from training.recipe import ModelSpec


def build(family: str, side: int) -> keras.Model:
    arguments = {**SMALL[family], "patch_size": 4}
    if family == "ConvMixer":
        arguments["kernel_size"] = 3
    spec = ModelSpec(
        family, arguments, (16, 8, 3), preprocessing=PREPROCESSING, shuffled_patches=side
    )
    model = build_model(spec, 5)
    numbers = np.random.default_rng(0)
    model.set_weights([numbers.normal(size=each.shape) for each in model.weights])
    return model


def test_every_pixel_is_kept_in_a_patch_with_the_same_others() -> None:
    order = pixel_order(16, 8, 4)
    assert sorted(order) == list(range(16 * 8))
    moved = order.reshape(4, 4, 2, 4).transpose(0, 2, 1, 3).reshape(8, 16)
    before = np.arange(16 * 8).reshape(4, 4, 2, 4).transpose(0, 2, 1, 3).reshape(8, 16)
    places = [[set(each) for each in before].index(set(patch)) for patch in moved]
    assert sorted(places) == list(range(8))
    assert places != list(range(8))
    within = {tuple(np.searchsorted(before[p], m)) for p, m in zip(places, moved, strict=True)}
    assert len(within) == 1  # The same in all patches.
    assert within != {tuple(range(16))}


def test_mlp_mixer_can_undo_it_and_a_file_keeps_it(tmp_path: Path) -> None:
    plain, shuffled = build("MLPMixer", 0), build("MLPMixer", 4)
    images = np.random.default_rng(0).uniform(0, 255, (2, 16, 8, 3)).astype("float32")
    order = pixel_order(16, 8, 4)
    moved = images.reshape(2, -1, 3)[:, order].reshape(images.shape)
    found = shuffled.predict(images, verbose=0)
    np.testing.assert_allclose(found, plain.predict(moved, verbose=0), rtol=1e-5, atol=1e-6)
    assert np.abs(found - plain.predict(images, verbose=0)).max() > 1e-3
    shuffled.save(tmp_path / "a.keras")
    again = keras.models.load_model(tmp_path / "a.keras")
    np.testing.assert_array_equal(again.predict(images, verbose=0), found)
    # As many weights, of the same shapes: what was learnt of plain images can be permuted.
    assert [each.shape for each in plain.weights] == [each.shape for each in shuffled.weights]


def test_patches_that_do_not_fill_the_image_are_refused() -> None:
    with pytest.raises(RecipeError, match="must divide the height and width of input_shape, 16 an"):
        build("ConvMixer", 3)
    with pytest.raises(RecipeError, match="must be 0 for ResNet; received 4"):
        ModelSpec("ResNet", shuffled_patches=4)
    with pytest.raises(RecipeError, match="must be at least 0; received -1"):
        ModelSpec("ConvMixer", shuffled_patches=-1)
