"""The ResNets of He et al. for CIFAR-10."""

import keras
import numpy as np
import pytest

from keras_mixers.models.multiply_adds import multiply_adds
from tests.helpers.runs import PREPROCESSING
from training.errors import RecipeError
from training.loop.network import build_model
from training.recipe import ModelSpec


def build(shape: tuple[int, int, int] = (32, 32, 3), **arguments: int) -> keras.Model:
    return build_model(ModelSpec("ResNet", arguments, shape, preprocessing=PREPROCESSING), 10)


@pytest.mark.parametrize(("depth", "millions"), [(20, 0.27), (56, 0.85)])
def test_has_the_parameters_of_the_paper(depth: int, millions: float) -> None:
    model = build(hidden_dim=16, depth=depth)
    count = sum(int(np.prod(weight.shape)) for weight in model.trainable_weights)
    # Table 6; the paper's shortcuts have no weights, and ours 16 * 32 + 32 * 64 and 4 * 48.
    assert (count - 2752) / 1e6 == pytest.approx(millions, abs=0.005)


def test_stages_halve_the_image_and_double_the_channels() -> None:
    model = build((28, 28, 1), hidden_dim=4, depth=8)
    shapes = [model.get_layer(f"block_{i}_relu").output.shape[1:] for i in range(3)]
    assert shapes == [(28, 28, 4), (14, 14, 8), (7, 7, 16)]
    convolutions = [layer for layer in model.layers if isinstance(layer, keras.layers.Conv2D)]
    assert len(convolutions) == 7 + 2  # With the head, 8 layers in a row; and two shortcuts.
    by_hand = 28**2 * 9 * (4 + 4 * 4 * 2) + 14**2 * (9 * (4 * 8 + 8 * 8) + 4 * 8)
    by_hand += 7**2 * (9 * (8 * 16 + 16 * 16) + 8 * 16) + 16 * 10
    assert multiply_adds(model) == by_hand


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"hidden_dim": 4}, "must be hidden_dim and depth; received hidden_dim"),
        ({}, "received none"),
        ({"hidden_dim": 4, "depth": 9}, "depth must be 8, 14, 20 or 6 more each; received 9"),
        ({"hidden_dim": 4, "depth": 2}, "received 2"),
    ],
)
def test_other_arguments_are_refused(arguments: dict[str, int], message: str) -> None:
    with pytest.raises(RecipeError, match=message):
        build(**arguments)
