"""The filters of a model's patches."""

import keras
import numpy as np
import pytest

import keras_mixers
from keras_mixers.visualize import NoPictureError, first_filters, patch_filters
from tests.helpers.explained import nested, network, without_blocks


def conv_mixer(channels: int = 3) -> keras.Model:
    return keras_mixers.ConvMixer(
        8, 1, patch_size=2, kernel_size=3, classes=2, input_shape=(8, 8, channels)
    )


@pytest.mark.parametrize("name", ["conv_mixer", "mlp_mixer", "vit", "res_mlp", "gmlp"])
def test_filters_are_sorted_by_norm(name: str) -> None:
    filters = first_filters(network(name))
    kernel = np.asarray(network(name).get_layer("patch_embed").conv.kernel)
    assert filters.shape == (kernel.shape[-1], *kernel.shape[:3])
    norms = np.linalg.norm(kernel.reshape(-1, kernel.shape[-1]), axis=0)
    order = np.argsort(-norms)
    assert list(order) != sorted(order)
    np.testing.assert_array_equal(filters, kernel.transpose(3, 0, 1, 2)[order])


@pytest.mark.parametrize(
    ("name", "dense"), [("t2t_vit_performer", "kqv"), ("t2t_vit_transformer", "qkv")]
)
def test_filters_of_a_soft_split_are_the_values(name: str, dense: str) -> None:
    mixer = network(name).get_layer("token_mixer_0")
    weights = np.asarray(mixer.attention_norm.gamma)[:, None] * getattr(mixer, dense).kernel
    expected = np.asarray(weights)[:, 128:].T  # 64 of each: queries, keys, and then values.
    found = first_filters(network(name))
    assert found.shape == (64, 7, 7, 3)
    order = np.argsort(-np.linalg.norm(expected, axis=1))
    np.testing.assert_allclose(found.reshape(64, -1), expected[order], rtol=1e-6)


def test_filters_of_one_channel_are_drawn_around_zero() -> None:
    model = conv_mixer(channels=1)
    figure = patch_filters(model)
    assert len(figure.axes) == 8
    for weights, axes in zip(first_filters(model), figure.axes, strict=True):
        (image,) = axes.images
        np.testing.assert_array_equal(image.get_array(), weights[..., 0])
        largest = abs(weights).max()
        assert image.get_clim() == pytest.approx((-largest, largest))


def test_filters_of_three_channels_have_grey_for_zero() -> None:
    model = conv_mixer()
    kernel = model.get_layer("patch_embed").conv.kernel
    kernel.assign(keras.ops.zeros_like(kernel))
    figure = patch_filters(model)
    assert all((axes.images[0].get_array() == 0.5).all() for axes in figure.axes)


def test_other_channels_are_side_by_side() -> None:
    model = conv_mixer(channels=4)
    weights = first_filters(model)[0]
    drawn = np.asarray(patch_filters(model).axes[0].images[0].get_array())
    np.testing.assert_array_equal(drawn, np.concatenate([weights[..., i] for i in range(4)], 1))


def test_only_the_largest_are_drawn() -> None:
    model = conv_mixer()
    few, all_ = patch_filters(model, most=3), patch_filters(model)
    assert len(few.axes) == 3
    assert few.get_suptitle() == "3 of 8 patch filters, largest norm first"
    for one, other in zip(few.axes, all_.axes, strict=False):
        np.testing.assert_array_equal(one.images[0].get_array(), other.images[0].get_array())


def test_filters_of_a_model_in_a_model() -> None:
    assert first_filters(nested()).shape == (8, 4, 4, 3)


def test_model_without_patches_is_refused() -> None:
    with pytest.raises(NoPictureError, match="The model 'plain' has no PatchEmbed layer"):
        patch_filters(without_blocks())
