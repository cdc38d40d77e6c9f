"""Grad-CAM against a plain implementation in numpy."""

import keras
import numpy as np
import pytest

from keras_mixers.layers import ConvMixerBlock, PatchEmbed
from keras_mixers.visualize import NoPictureError, feature_maps, grad_cam, grad_cam_figure
from keras_mixers.visualize.input_gradient import input_gradient
from tests.helpers.explained import IMAGES, nested, network, own_sequence, randomised
from tests.helpers.tiny_models import BUILDERS, build

CLASSES = [3, 1]


def tail(model: keras.Model, name: str) -> keras.Model:
    """Return the part of a model from a layer's output to its logits."""
    return keras.Model(model.get_layer(name).output, model.get_layer("head").output)


def numeric_gradient(head: keras.Model, x: np.ndarray, scored: int) -> np.ndarray:
    """Return the gradient of a score of one x (...) by central differences, all in one batch."""
    steps = 1e-5 * np.eye(x.size).reshape(x.size, *x.shape)
    up, down = (np.asarray(head(x + sign * steps))[:, scored] for sign in (1, -1))
    return ((up - down) / 2e-5).reshape(x.shape)


def plain_grad_cam(values: np.ndarray, gradient: np.ndarray, grid: tuple) -> np.ndarray:
    """Return Grad-CAM, written out as in the paper's equations 1 and 2."""
    rows, columns = grid
    maps = np.zeros((len(values), rows, columns))
    for b in range(len(values)):
        a, g = (
            each[b].reshape(-1, each.shape[-1])[-rows * columns :] for each in (values, gradient)
        )
        for c in range(a.shape[-1]):
            alpha = sum(g[:, c]) / (rows * columns)
            maps[b] += alpha * a[:, c].reshape(rows, columns)
    return np.maximum(maps, 0)


@pytest.mark.parametrize(
    ("name", "grid"), [("mlp_mixer", (4, 6)), ("vit", (4, 6)), ("t2t_vit_transformer", (2, 3))]
)
def test_grad_cam_is_the_papers(name: str, grid: tuple) -> None:
    keras.config.set_dtype_policy("float64")
    model = randomised(build(name))
    values = np.asarray(keras.Model(model.input, model.get_layer("block_0").output)(IMAGES))
    head = tail(model, "block_0")
    gradient = np.stack(
        [numeric_gradient(head, *each) for each in zip(values, CLASSES, strict=True)]
    )
    expected = plain_grad_cam(values, gradient, grid)
    found = grad_cam(model, IMAGES, block=0, classes=CLASSES)
    assert expected.max() > 1e-4
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-6 * expected.max())


def class_activation_map(model: keras.Model, maps: np.ndarray) -> np.ndarray:
    """Return what Grad-CAM is where an average and one Dense layer follow."""
    head = next(layer for layer in reversed(model.layers) if isinstance(layer, keras.layers.Dense))
    weights = np.asarray(head.kernel)[:, CLASSES].T / (maps.shape[1] * maps.shape[2])
    return np.maximum(np.einsum("bhwc,bc->bhw", maps, weights), 0)


def test_last_block_before_an_average_is_a_class_activation_map() -> None:
    model = network("conv_mixer")
    maps = feature_maps(model, IMAGES)[1]
    found = grad_cam(model, IMAGES, classes=CLASSES)
    np.testing.assert_allclose(found, class_activation_map(model, maps), rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("name", BUILDERS)
def test_every_family_has_a_map_by_default(name: str) -> None:
    model = network(name)
    found = grad_cam(model, IMAGES)
    assert (found >= 0).all()
    assert found.any()
    # A class token reads the patches for the last time in the last block.
    has_class_token = name.startswith("t2t") or name in ("vit", "deit_distilled")
    block = 0 if has_class_token else 1
    best = np.asarray(model(IMAGES)).argmax(axis=1)
    np.testing.assert_array_equal(found, grad_cam(model, IMAGES, block - 2, best))


def test_after_the_last_block_the_class_token_reads_no_patch() -> None:
    with pytest.raises(NoPictureError, match="after 'block_1'; choose an earlier block"):
        grad_cam(network("vit"), IMAGES, block=1)


def test_the_score_is_taken_before_the_last_activation() -> None:
    logits = build("conv_mixer", classifier_activation=None)
    logits.set_weights(network("conv_mixer").get_weights())
    for classes in (None, CLASSES):
        expected = grad_cam(logits, IMAGES, classes=classes)
        np.testing.assert_array_equal(
            grad_cam(network("conv_mixer"), IMAGES, None, classes), expected
        )


def test_models_of_ones_own() -> None:
    inside = nested()
    maps = feature_maps(inside, IMAGES)[1]
    assert maps.shape == (2, 8, 12, 8)
    # Its last Dense layer ends in softmax: the gradient of p is that of the logits, times this.
    p = np.asarray(inside(IMAGES))[[0, 1], CLASSES]
    head = inside.layers[-1]
    scores = np.asarray(inside(IMAGES))
    slope = np.eye(5)[CLASSES] * p[:, None] - p[:, None] * scores
    weights = slope @ np.asarray(head.kernel).T / (8 * 12)
    expected = np.maximum(np.einsum("bhwc,bc->bhw", maps, weights), 0)
    found = grad_cam(inside, IMAGES, classes=CLASSES)
    np.testing.assert_allclose(found, expected, rtol=1e-3, atol=1e-6)
    assert grad_cam(own_sequence(), IMAGES, block=0).shape == (2, 4, 6)


def test_mixed_precision_and_other_channels() -> None:
    images = np.concatenate([IMAGES, IMAGES[..., :1]], axis=-1)
    wide = randomised(build("conv_mixer", input_shape=images.shape[1:]))
    keras.config.set_dtype_policy("mixed_float16")
    half = build("conv_mixer", input_shape=images.shape[1:])
    half.set_weights(wide.get_weights())
    np.testing.assert_array_equal(grad_cam(half, images), grad_cam(wide, images))


def test_figure_has_the_map_and_the_top_classes() -> None:
    model = network("conv_mixer")
    left, right = grad_cam_figure(model, IMAGES[0], block=0).axes
    best = int(np.asarray(model(IMAGES[:1])).argmax())
    assert left.get_title().splitlines()[0].endswith(f"class {best}")
    assert right.get_title() == "Grad-CAM at block 0"
    drawn = right.images[1].get_array()
    np.testing.assert_array_equal(drawn, grad_cam(model, IMAGES[:1], block=0)[0])


def test_scores_past_the_block_are_refused() -> None:
    images = keras.Input((8, 8, 3))
    x = PatchEmbed(4, 2)(images)
    x = keras.layers.Add()([x, ConvMixerBlock(3, name="own_block")(x)])
    outputs = keras.layers.Dense(2)(keras.layers.GlobalAveragePooling2D()(x))
    model = keras.Model(images, outputs, name="around")
    with pytest.raises(NoPictureError, match="'around' don't come from 'own_block' alone"):
        grad_cam(model, np.ones((1, 8, 8, 3)))


def test_wrong_arguments_are_refused() -> None:
    model = network("conv_mixer")
    with pytest.raises(ValueError, match="block must be a number from -2 to 1; received 2"):
        grad_cam(model, IMAGES, block=2)
    for classes in ([5, 0], [-1, 0], [1]):
        with pytest.raises(ValueError, match="classes must be 2 numbers from 0 to 4"):
            grad_cam(model, IMAGES, classes=classes)
    with pytest.raises(NoPictureError, match="has no scores of classes"):
        grad_cam(build("conv_mixer", include_top=False), IMAGES)


def test_gradient_of_what_is_not_used_is_zero() -> None:
    x = np.ones((2, 3), "float32")
    found = input_gradient(lambda x: keras.ops.sum(x[:, 0] ** 3), x)
    assert found.tolist() == [[3, 0, 0], [3, 0, 0]]
    assert not input_gradient(lambda x: keras.ops.sum(keras.ops.ones(2)), x).any()
