"""Effective receptive fields."""

import keras
import numpy as np
import pytest

import keras_mixers
from keras_mixers.visualize import (
    NoPictureError,
    ReceptiveField,
    receptive_field_figure,
    receptive_fields,
)
from keras_mixers.visualize.receptive_field import noise_images
from tests.helpers.explained import (
    IMAGES,
    nested,
    network,
    own_sequence,
    randomised,
    without_blocks,
)
from tests.helpers.tiny_models import build


def rectangle(field: np.ndarray) -> tuple[int, int, int, int]:
    """Return first and last row and column of what isn't zero, all of which must be."""
    rows, columns = np.flatnonzero(field.any(axis=1)), np.flatnonzero(field.any(axis=0))
    assert (field[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1] > 0).all()
    return rows[0], rows[-1], columns[0], columns[-1]


def test_a_conv_mixer_sees_the_footprint_of_its_kernels() -> None:
    model = randomised(
        keras_mixers.ConvMixer(8, 2, patch_size=2, kernel_size=5, input_shape=(32, 48, 3))
    )
    first, second = receptive_fields(model)
    # The central patch is (8, 12) of (16, 24); a block adds two patches on each side.
    assert rectangle(first.field) == (12, 21, 20, 29)
    assert rectangle(second.field) == (8, 25, 16, 33)
    assert first.centre == second.centre == (16.5, 24.5)
    assert first.field.sum() == pytest.approx(1)


def test_a_mixer_sees_everything_at_once() -> None:
    for name in ("mlp_mixer", "res_mlp", "gmlp", "vit"):
        (first,) = receptive_fields(network(name), blocks=[0])
        assert (first.field > 0).all(), name


def test_field_of_a_linear_network_is_its_impulse_response() -> None:
    keras.config.set_dtype_policy("float64")
    model = randomised(
        keras_mixers.ConvMixer(3, 1, 2, 3, "linear", include_top=False, input_shape=(8, 12, 2))
    )
    pulses = np.concatenate([np.zeros((1, 192)), np.eye(192)]).reshape(-1, 8, 12, 2)
    responses = np.asarray(model(pulses * 64))[:, 2, 3] / 64
    slopes = (responses[1:] - responses[0]).reshape(8, 12, 2, 3)
    images, rng = np.zeros((2, 8, 12, 2)), np.random.default_rng(0)
    expected = sum(np.abs(slopes @ rng.choice([-1, 1], 3)).mean(axis=-1) for _ in range(8))
    (found,) = receptive_fields(model, images)
    np.testing.assert_allclose(found.field, expected / expected.sum(), rtol=1e-4, atol=1e-7)


def test_radii() -> None:
    field = np.zeros((5, 5))
    field[2, 2], field[2, 3], field[1, 1], field[2, 0] = 0.4, 0.2, 0.3, 0.1
    found = ReceptiveField(0, (2.0, 2.0), field)
    assert found.radius(0.3) == found.radius(0.4) == 0
    assert found.radius(0.5) == found.radius(0.6) == 1
    assert found.radius(0.8) == pytest.approx(2**0.5)
    assert found.radius(0.95) == found.radius(1.0) == 2
    assert ReceptiveField(0, (2.5, 2.0), field).radius(0.3) == 0.5


def test_larger_kernels_see_further() -> None:
    radii = []
    for kernel_size in (3, 7):
        model = keras_mixers.ConvMixer(8, 1, 2, kernel_size, input_shape=(32, 32, 3))
        (found,) = receptive_fields(randomised(model))
        radii.append(found.radius(0.95))
    assert radii[0] < 6 < radii[1]


@pytest.mark.parametrize("name", ["t2t_vit_performer", "t2t_vit_transformer"])
def test_a_t2t_vit_is_centred_on_its_soft_splits_patch(name: str) -> None:
    # Patch (1, 1) of (2, 3): the middle of patch i of each split is 4i + 1, 2i and 2i.
    (found,) = receptive_fields(network(name), IMAGES[:1], blocks=[1])
    assert found.centre == (17, 17)
    assert (found.field > 0).all()


def test_models_of_ones_own() -> None:
    assert [found.block for found in receptive_fields(nested())] == [0, 1]
    first, second = receptive_fields(own_sequence())
    assert rectangle(first.field) == (8, 31, 16, 39)  # Three patches of eight pixels each way.
    assert (second.field > 0).all()
    images = keras.Input((24, 24, 3))
    x = keras.layers.Conv2D(4, 3, strides=3)(images)
    model = keras.Model(images, keras_mixers.layers.ConvMixerBlock(3)(x))
    (found,) = receptive_fields(randomised(model))
    assert found.centre == (13, 13)  # Without a patch layer: position 4 of 8, each of 3 pixels.
    assert rectangle(found.field) == (9, 17, 9, 17)


def test_mixed_precision_is_that_of_float32() -> None:
    keras.config.set_dtype_policy("mixed_bfloat16")
    half = build("conv_mixer")
    half.set_weights(network("conv_mixer").get_weights())
    for found, expected in zip(
        receptive_fields(half), receptive_fields(network("conv_mixer")), strict=True
    ):
        np.testing.assert_array_equal(found.field, expected.field)


def test_any_size_needs_images() -> None:
    model = randomised(build("conv_mixer", input_shape=(None, None, 1)))
    with pytest.raises(ValueError, match="takes images of any size: give images of the size"):
        receptive_fields(model)
    (found,) = receptive_fields(model, noise_images((20, 30, 1), 1), blocks=[0])
    assert found.field.shape == (20, 30)
    # Patches of 4 leave 2 columns over: patch (2, 3) is centred on row 9.5 and column 13.5.
    assert found.centre == (9.5, 13.5)


def test_figure_names_the_radii() -> None:
    (found,) = receptive_fields(network("conv_mixer"), IMAGES, blocks=[1])
    axes = receptive_field_figure(network("conv_mixer"), IMAGES).axes[1]
    half, most = found.radius(0.5), found.radius(0.95)
    assert axes.get_title() == f"block 1\n50 % within {half:.1f} px, 95 % {most:.1f} px"
    np.testing.assert_array_equal(axes.images[0].get_array(), np.sqrt(found.field))
    assert [circle.radius for circle in axes.patches] == [half, most]


def test_wrong_arguments_are_refused() -> None:
    with pytest.raises(NoPictureError, match="'plain' has no receptive fields: expected blocks of"):
        receptive_fields(without_blocks())
    with pytest.raises(ValueError, match=r"blocks must be numbers from 0 to 1; received \[2\]"):
        receptive_fields(network("conv_mixer"), blocks=[2])
