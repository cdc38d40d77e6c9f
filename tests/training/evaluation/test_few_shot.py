import json
from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow as tf
from PIL import Image
from sklearn.linear_model import Ridge

from hub_export.saved_model.export import write_saved_model
from hub_export.saved_model.reusable import make_reusable
from hub_export.tflite.export import write_tflite
from keras_mixers import ConvMixer
from keras_mixers.models.heads import features_of
from tests.helpers.trained_digits import digits, nearest_mean
from training.data import DataError
from training.evaluation import few_shot as probe
from training.evaluation.few_shot import few_shot, fit_least_squares
from training.evaluation.loaded_model import LoadedModel


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    """Its features are the pixels: on any machine the same."""
    model = nearest_mean()
    folder = tmp_path_factory.mktemp("saved")
    model.save(folder / "model.keras")
    return model, folder


@pytest.fixture(scope="module")
def found(saved):
    return few_shot(saved[1], "digits", shots=3, seeds=(0, 1, 7))


def use_features(monkeypatch, features, shape=(4, 4, 1)):
    """Let `few_shot` open a model of these features, and return the numbers of images it saw."""
    seen = []

    def run(pixels):
        seen.append(len(pixels))
        return features(pixels)

    model = LoadedModel(Path("hand-made"), shape, None, run, None, None, None)
    monkeypatch.setattr(probe, "load_model", lambda path, **options: model)
    return seen


def write_npz(path, counts, shape=(4, 4, 1)):
    """Write so many images of each class, each with other pixels."""
    labels = np.repeat(np.arange(len(counts)), counts)
    images = np.random.default_rng(0).integers(0, 256, (len(labels), *shape), "uint8")
    np.savez(path, x_train=images, y_train=labels, x_test=images, y_test=labels)
    return str(path)


@pytest.mark.parametrize("rows", [5, 12, 40])
@pytest.mark.parametrize("l2", [0.01, 3.0, 1024.0])
def test_least_squares_are_those_of_scikit_learn(rows, l2):
    random = np.random.default_rng(0)
    x, y = random.normal(3, 2, (rows, 12)), random.normal(1, 1, (rows, 4))
    weights, bias = fit_least_squares(x, y, l2)
    ridge = Ridge(alpha=l2, solver="svd").fit(x, y)
    np.testing.assert_allclose(weights, ridge.coef_.T, rtol=1e-10)
    np.testing.assert_allclose(bias, ridge.intercept_, rtol=1e-10)


def test_least_squares_are_computed_in_double_precision():
    x = np.random.default_rng(0).normal(size=(20, 6)).astype("float32")
    weights, bias = fit_least_squares(x, x[:, :2], 1e-9)
    assert weights.dtype == bias.dtype == np.float64
    np.testing.assert_allclose(weights, np.eye(6)[:, :2], atol=1e-8)


def big_vision_predictions(x, classes, asked, l2):
    """Predict as `fewshot_lsr` does: a column of 100 is the bias, and regularised as the rest."""
    mean, std = x.mean(axis=0), x.std(axis=0) + 1e-5
    wide, other = (
        np.pad((part - mean) / std, ((0, 0), (0, 1)), constant_values=100) for part in (x, asked)
    )
    targets = 2 * np.eye(classes.max() + 1)[classes] - 1
    weights = Ridge(alpha=l2, fit_intercept=False, solver="svd").fit(wide, targets).coef_
    return (other @ weights.T).argmax(axis=1)


def test_numbers_are_those_of_big_visions_probe(saved, found):
    (images, classes), (asked, truth) = digits(held_out=False), digits(held_out=True)
    network = features_of(saved[0])
    known, others = (
        network(part.astype("float32")).numpy().astype("float64") for part in (images, asked)
    )
    expected = []
    for seed in (0, 1, 7):
        random = np.random.default_rng(seed)
        drawn = np.concatenate(
            [random.permutation(np.flatnonzero(classes == i))[:3] for i in range(10)]
        )
        said = big_vision_predictions(known[drawn], classes[drawn], others, 1024.0)
        expected.append((said == truth).mean())
    assert found.accuracies == tuple(expected)
    assert found.mean == pytest.approx(np.mean(expected), rel=1e-15)
    assert len(set(expected)) == 3  # Each seed draws others.
    assert 0.2 < found.mean < 0.99  # One in ten by chance.
    assert (found.images, found.shots, found.l2, found.seeds) == (364, 3, 1024.0, (0, 1, 7))


def test_models_without_a_head_have_features_too(saved, found, tmp_path):
    # What each form of a model has: tests/training/evaluation/test_load_model.py.
    write_saved_model(features_of(saved[0]), tmp_path / "features")
    other = few_shot(tmp_path / "features", "digits", shots=3, seeds=(0, 1, 7), batch_size=100)
    assert other.model == str(tmp_path / "features")
    assert other.accuracies == found.accuracies


def test_no_image_is_looked_at_that_was_not_drawn(monkeypatch, tmp_path):
    seen = use_features(monkeypatch, lambda pixels: pixels.reshape(len(pixels), -1))
    few_shot("hand-made", write_npz(tmp_path / "a.npz", [30, 40]), shots=2, seeds=(0,))
    assert seen == [2 * 2, 64, 6]  # The drawn ones, then all validation images.


def test_drawn_images_keep_their_classes(monkeypatch, tmp_path):
    """Images of a class are of one level: who mixes them up can't be right on all."""
    random = np.random.default_rng(0)
    for part in ("train", "val"):
        for name, level in (("bright", 200), ("dark", 20), ("grey", 110)):
            folder = tmp_path / part / name
            folder.mkdir(parents=True)
            for i in range(6):
                pixels = random.integers(level, level + 20, (5, 7, 3), "uint8")
                Image.fromarray(pixels).save(folder / f"{i}.png")

    def corners(pixels):
        levels = pixels.mean(axis=(1, 2, 3), keepdims=True)[:, 0, 0]
        return np.concatenate([levels < 80, levels > 160], axis=1).astype("float32")

    use_features(monkeypatch, corners, shape=(4, 4, 3))
    assert few_shot("hand-made", f"folder:{tmp_path}", shots=3).accuracies == (1.0, 1.0, 1.0)


def test_json_says_all(found):
    content = json.loads(found.to_json())
    assert content == found.to_dict()
    assert content["mean"] == found.mean
    assert content["accuracies"] == list(found.accuracies)


def test_a_class_of_too_few_images_is_named(monkeypatch, tmp_path):
    use_features(monkeypatch, lambda pixels: pixels.reshape(len(pixels), -1))
    data = write_npz(tmp_path / "a.npz", [5, 3, 4])
    with pytest.raises(DataError, match="the class '1' has 3 training images; expected at least"):
        few_shot("hand-made", data, shots=4)
    assert few_shot("hand-made", data, shots=3).shots == 3


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({"shots": 0}, "shots must be at least 1; received 0"),
        ({"seeds": ()}, r"seeds must be one or more integers of at least 0; received \(\)"),
        ({"seeds": (1, -1)}, r"seeds must be one or more integers of .* received \(1, -1\)"),
        ({"l2": 0.0}, "l2 must be above 0; received 0"),
    ],
)
def test_arguments_out_of_range_are_refused(arguments, said):
    with pytest.raises(ValueError, match=said):
        few_shot("hand-made", "digits", **arguments)


def test_models_without_features_are_refused(saved, tmp_path):
    write_tflite(saved[0], tmp_path / "a.tflite")
    with pytest.raises(ValueError, match=r"a\.tflite gives class scores and no features; expected"):
        few_shot(tmp_path / "a.tflite", "digits")
    images = tf.TensorSpec((None, 8, 8, 1), tf.float32, name="images")
    root = make_reusable(saved[0], images)
    logits = tf.function(lambda images: {"logits": root(images)}, [images])
    tf.saved_model.save(root, str(tmp_path / "a"), signatures=logits)
    with pytest.raises(ValueError, match="a gives class scores and no features; expected a Saved"):
        few_shot(tmp_path / "a", "digits")


def test_features_of_several_axes_are_refused(tmp_path):
    images = keras.Input((8, 8, 1))
    model = keras.Model(images, keras.layers.Rescaling(1.0, name="preprocessing")(images))
    model.save(tmp_path / "a.keras")
    write_saved_model(model, tmp_path / "a")
    for name in ("a.keras", "a"):
        with pytest.raises(
            ValueError, match=r"features of shape \(8, 8, 1\) per image; expected o"
        ):
            few_shot(tmp_path / name, "digits", shots=1)


def test_features_that_are_no_numbers_are_refused(monkeypatch):
    use_features(monkeypatch, lambda pixels: np.full((len(pixels), 2), np.nan), shape=(8, 8, 1))
    with pytest.raises(ValueError, match="gives NaN features; its training may have diverged"):
        few_shot("hand-made", "digits", shots=1)


def test_a_size_is_for_models_that_take_any(tmp_path):
    keras.utils.set_random_seed(0)
    model = ConvMixer(4, 1, 2, 3, input_shape=(None, None, 1), classes=2)
    model.save(tmp_path / "a.keras")
    assert few_shot(tmp_path / "a.keras", "digits", shots=1, seeds=(0,), size=8).images == 364
