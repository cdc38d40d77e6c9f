"""Attention and its rollout."""

import keras
import numpy as np
import pytest

from keras_mixers.layers import TransformerBlock
from keras_mixers.visualize import (
    NoPictureError,
    attention_rollout,
    attention_rollout_figure,
    attention_weights,
)
from keras_mixers.visualize.attention import roll_out
from tests.helpers.explained import IMAGES, network, randomised
from tests.helpers.rounding import assert_close, roundings_in
from tests.helpers.tiny_models import build


@pytest.mark.parametrize("qkv_bias", [False, True])
def test_weights_are_those_that_the_block_computes_with(qkv_bias: bool) -> None:
    block = TransformerBlock(num_heads=2, qkv_bias=qkv_bias)
    x = np.random.default_rng(0).normal(size=(2, 5, 8)).astype("float32")
    block.build(x.shape)
    randomised(block)
    attention = attention_weights(block, x)
    assert attention.shape == (2, 2, 5, 5)
    np.testing.assert_allclose(attention.sum(axis=-1), 1, rtol=1e-6)
    # The rest of the block, with this attention.
    value = np.asarray(block.qkv(block.attention_norm(x)))[..., 16:].reshape(2, 5, 2, 4)
    attended = np.einsum("bhqk,bkhc->bqhc", attention, value).reshape(2, 5, 8)
    y = x + np.asarray(block.projection(attended))
    expected = y + np.asarray(block.mlp(block.mlp_norm(y)))
    assert_close(block(x), expected, roundings_in(block.weights) + 5)


def test_rollout_of_two_tokens() -> None:
    # Two heads whose mean is [[.5, .5], [0, 1]], and one block of [[0, 1], [1, 0]].
    first = np.array([[[[1.0, 0.0], [0.0, 1.0]], [[0.0, 1.0], [0.0, 1.0]]]])
    second = np.array([[[[0.0, 1.0], [1.0, 0.0]]]])
    # With the residual path: [[.75, .25], [0, 1]] and [[.5, .5], [.5, .5]].
    assert roll_out([first]).tolist() == [[[0.75, 0.25], [0.0, 1.0]]]
    assert roll_out([first, second]).tolist() == [[[0.375, 0.625], [0.375, 0.625]]]
    assert roll_out([second, first]).tolist() == [[[0.5, 0.5], [0.5, 0.5]]]
    np.testing.assert_allclose(
        roll_out([first, first])[0], [[0.5625, 0.4375], [0, 1]], rtol=1e-12
    )  # The first block's on the right: it would be the same in any order only here.


def rolled_by_hand(model: keras.Model) -> np.ndarray:
    """Return the product of both blocks' attention with its residual path."""
    inputs = [model.get_layer(f"block_{i}").input for i in range(2)]
    received = [np.asarray(x) for x in keras.Model(model.input, inputs)(IMAGES)]
    matrices = [
        0.5 * attention_weights(model.get_layer(f"block_{i}"), x).mean(1) + 0.5 * np.eye(x.shape[1])
        for i, x in enumerate(received)
    ]
    return np.einsum("bij,bjk->bik", matrices[1], matrices[0])


@pytest.mark.parametrize(
    ("name", "grid", "class_tokens"),
    [("vit", (4, 6), 1), ("deit_distilled", (4, 6), 2), ("t2t_vit_transformer", (2, 3), 1)],
)
def test_rollout_of_the_class_token(name: str, grid: tuple, class_tokens: int) -> None:
    found = attention_rollout(network(name), IMAGES)
    expected = rolled_by_hand(network(name))[:, 0, class_tokens:].reshape(2, *grid)
    np.testing.assert_allclose(found, expected, rtol=1e-6)
    assert np.ptp(found) > 1e-4  # It depends on the patch.
    assert (found.sum(axis=(1, 2)) < 1).all()


def test_rollout_without_a_class_token_is_the_mean_of_all() -> None:
    found = attention_rollout(network("vit_average"), IMAGES)
    expected = rolled_by_hand(network("vit_average")).mean(axis=1).reshape(2, 4, 6)
    np.testing.assert_allclose(found, expected, rtol=1e-6)
    np.testing.assert_allclose(found.sum(axis=(1, 2)), 1, rtol=1e-6)


def test_rollout_in_mixed_precision_is_that_of_float32() -> None:
    keras.config.set_dtype_policy("mixed_float16")
    half = build("vit")
    half.set_weights(network("vit").get_weights())
    expected = attention_rollout(network("vit"), IMAGES)
    np.testing.assert_array_equal(attention_rollout(half, IMAGES), expected)


def test_figure_has_the_rollout_and_the_top_classes() -> None:
    names = ["ant", "bee", "cat", "dog", "elk"]
    left, right = attention_rollout_figure(network("vit"), IMAGES[0], names).axes
    scores = np.asarray(network("vit")(IMAGES[:1]))[0]
    best = np.argsort(-scores)[:3]
    assert left.get_title() == "\n".join(f"{100 * scores[i]:.0f} %  {names[i]}" for i in best)
    drawn = right.images[1].get_array()
    np.testing.assert_array_equal(drawn, attention_rollout(network("vit"), IMAGES[:1])[0])


def test_other_families_are_refused() -> None:
    message = "'mlp_mixer' has no attention: expected blocks of type TransformerBlock"
    with pytest.raises(NoPictureError, match=message):
        attention_rollout(network("mlp_mixer"), IMAGES)


def test_blocks_without_patches_are_refused() -> None:
    images = keras.Input((4, 6, 8))
    x = TransformerBlock(num_heads=2)(keras.layers.Reshape((24, 8))(images))
    model = keras.Model(images, x, name="tokens")
    with pytest.raises(NoPictureError, match="at most 24 patches, received a grid of None"):
        attention_rollout(model, np.zeros((1, 4, 6, 8)))
