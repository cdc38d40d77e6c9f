import json
from dataclasses import replace
from pathlib import Path

import keras
import numpy as np
import pytest
from sklearn.metrics import accuracy_score, recall_score, top_k_accuracy_score

from hub_export.saved_model.export import write_saved_model
from hub_export.tflite.export import write_tflite
from keras_mixers.models.heads import features_of
from keras_mixers.preprocessing import resize_and_crop
from keras_mixers_cli.training import _class_table
from tests.helpers.trained_digits import digits, nearest_mean
from training.data import DataError
from training.data.random_access import to_pil_image
from training.data.sources.digits import NAMES
from training.evaluation import evaluate as evaluation
from training.evaluation.evaluate import evaluate
from training.evaluation.loaded_model import LoadedModel

ANIMALS = ("ant", "bee", "cat", "dog", "eel", "fox", "gnu")


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    folder = tmp_path_factory.mktemp("trained")
    model = nearest_mean()
    model.save(folder / "model.keras")
    (folder / "labels.txt").write_text("".join(f"{name}\n" for name in NAMES))
    write_saved_model(model, folder / "saved_model", NAMES)
    write_tflite(model, folder / "model.tflite")
    return model, folder


@pytest.fixture(scope="module")
def found(trained):
    return evaluate(trained[1] / "model.keras", "digits")


def write_npz(path, labels, class_names=None, shape=(4, 4, 1)):
    """Write one held-out image a label, whose pixels are all its number, and return its path."""
    labels = np.asarray(labels)
    images = np.ones((len(labels), *shape), "uint8") * np.arange(
        len(labels), dtype="uint8"
    ).reshape(-1, 1, 1, 1)
    arrays = {"x_train": images, "y_train": labels, "x_test": images, "y_test": labels}
    if class_names is not None:
        arrays["class_names"] = np.array(class_names)
    np.savez(path, **arrays)
    return str(path)


def use_scores(monkeypatch, scores, labels=None, shape=(4, 4, 1), **cropping):
    """Let `evaluate` load a model that gives row i of `scores` for an image of pixels i."""
    scores = np.asarray(scores, "float32")
    model = LoadedModel(
        path=Path("hand-made"),
        input_shape=shape,
        scores=lambda pixels: scores[pixels[:, 0, 0, 0]],
        features=None,
        probabilities=None,
        classes=scores.shape[1],
        labels=labels and list(labels),
        **cropping,
    )
    monkeypatch.setattr(evaluation, "load_model", lambda *arguments: model)
    return model


def test_numbers_are_those_of_scikit_learn(trained, found):
    images, truth = digits(held_out=True)
    scores = trained[0](images.astype("float32")).numpy()
    predicted = scores.argmax(axis=1)
    assert 0.5 < found.top1 < found.top5 < 1  # Some are wrong: the test says something.
    assert found.images == len(truth) == 364
    assert found.top1 == accuracy_score(truth, predicted)
    assert found.top5 == top_k_accuracy_score(truth, scores, k=5)
    shares = [one.share for one in found.classes]
    np.testing.assert_allclose(shares, recall_score(truth, predicted, average=None), rtol=1e-15)
    assert [one.images for one in found.classes] == np.bincount(truth).tolist()
    assert tuple(one.name for one in found.classes) == NAMES


@pytest.mark.parametrize("name", ["", "saved_model", "model.tflite"])
def test_every_form_of_a_model_is_as_good(trained, found, name):
    path = trained[1] / name
    other = evaluate(path, "digits", batch_size=100)
    assert other.model == str(path)
    assert (other.top1, other.top5, other.classes) == (found.top1, found.top5, found.classes)


def test_batches_change_nothing(trained, found):
    other = evaluate(str(trained[1] / "model.keras"), "digits", batch_size=1000)
    assert (other.top1, other.top5, other.classes) == (found.top1, found.top5, found.classes)
    assert other.images_per_second is None
    assert found.images_per_second > 0
    assert found.seconds > 0


def test_hand_made_predictions(monkeypatch, tmp_path):
    data = write_npz(tmp_path / "a.npz", [0, 0, 1, 3, 6], ANIMALS)
    scores = np.zeros((5, 7))
    scores[0, 0] = 1  # Right.
    scores[1] = [5, 9, 8, 7, 6, 1, 2]  # The fifth likeliest.
    scores[2] = [5, 1, 8, 7, 6, 9, 2]  # The last but none.
    scores[3] = [0, 0, 0, 1, 1, 0, 0]  # Right: of equals, the first one, as argmax has it.
    scores[4] = [1, 2, 3, 4, 5, 6, 7]  # Right.
    use_scores(monkeypatch, scores)
    found = evaluate("hand-made", data)
    assert (found.top1, found.top5) == (3 / 5, 4 / 5)
    assert [one.right for one in found.classes] == [1, 0, 0, 1, 0, 0, 1]
    assert [one.share for one in found.classes] == [0.5, 0.0, None, 1.0, None, None, 1.0]


def test_there_is_no_top5_of_five_classes(monkeypatch, tmp_path):
    data = write_npz(tmp_path / "a.npz", [0, 4], ANIMALS[:5])
    use_scores(monkeypatch, np.eye(5))
    assert evaluate("hand-made", data).top5 is None


def test_speed_is_of_full_batches_without_the_first():
    ends = [(64, 10.0), (64, 12.0), (64, 13.0), (20, 99.0)]
    assert evaluation._images_per_second(ends, 64) == 2 * 64 / 3
    assert evaluation._images_per_second(ends[:1], 64) is None
    assert evaluation._images_per_second([], 64) is None


def test_predictions_count_by_their_names(monkeypatch, tmp_path):
    data = write_npz(tmp_path / "a.npz", [0, 1, 2], ("cat", "dog", "eel"))
    scores = np.zeros((3, 3))
    scores[0, 2] = scores[1, 0] = scores[2, 2] = 1  # cat, dog, and cat again.
    use_scores(monkeypatch, scores, labels=("dog", "eel", "cat"))
    found = evaluate("hand-made", data)
    assert [(one.name, one.right) for one in found.classes] == [("cat", 1), ("dog", 1), ("eel", 0)]


def test_spaces_in_names_do_not_matter(monkeypatch, tmp_path):
    data = write_npz(tmp_path / "a.npz", [0, 1], ("polar  bear\n", "brown bear"))
    use_scores(monkeypatch, [[0, 1], [1, 0]], labels=("brown bear", "polar bear"))
    assert evaluate("hand-made", data).top1 == 1


def test_names_that_are_not_known_count_by_their_place(monkeypatch, tmp_path):
    unnamed = write_npz(tmp_path / "a.npz", [0, 1, 2])
    named = write_npz(tmp_path / "b.npz", [0, 1, 2], ("cat", "dog", "eel"))
    cases = (unnamed, ("dog", "eel", "cat")), (named, ("0", "1", "2")), (named, None)
    for data, labels in cases:
        use_scores(monkeypatch, np.eye(3), labels=labels)
        assert evaluate("hand-made", data).top1 == 1


@pytest.mark.parametrize(
    ("labels", "said"),
    [
        (("cat", "cow", "eel"), "has the class 'dog', and hand-made has the class 'cow'; give"),
        (("eel", "cat", "cat"), "has the class 'dog', and hand-made has a name twice; give"),
        (("cat", "dog"), "has 3 classes, but hand-made has 2; expected the same"),
    ],
)
def test_other_classes_are_refused(monkeypatch, tmp_path, labels, said):
    data = write_npz(tmp_path / "a.npz", [0, 1, 2], ("cat", "dog", "eel"))
    use_scores(monkeypatch, np.zeros((3, len(labels))), labels=labels)
    with pytest.raises(DataError, match=said):
        evaluate("hand-made", data)


def test_images_are_cut_as_the_model_says(monkeypatch, tmp_path):
    images = np.random.default_rng(0).integers(0, 256, (3, 9, 12, 3), "uint8")
    labels = np.array([0, 1, 1])
    np.savez(tmp_path / "a.npz", x_train=images, y_train=labels, x_test=images, y_test=labels)
    model = use_scores(monkeypatch, np.eye(2), shape=(6, 4, 3), crop=0.8, interpolation="bilinear")
    seen = []
    scores = lambda pixels: seen.append(pixels) or np.eye(2)[[0, 1, 1]]  # noqa: E731
    model = replace(model, scores=scores)
    monkeypatch.setattr(evaluation, "load_model", lambda *arguments: model)
    found = evaluate("hand-made", str(tmp_path / "a.npz"))
    assert (found.size, found.crop, found.interpolation) == ((6, 4), 0.8, "bilinear")
    expected = [resize_and_crop(to_pil_image(image), (6, 4), 0.8, "bilinear") for image in images]
    np.testing.assert_array_equal(seen[0], expected)


def test_other_channels_are_refused(monkeypatch):
    use_scores(monkeypatch, np.eye(10), shape=(8, 8, 3))
    with pytest.raises(
        DataError, match="digits: the number of channels is 1; expected 3, which the model takes"
    ):
        evaluate("hand-made", "digits")


def test_a_size_is_for_models_that_take_any(monkeypatch, tmp_path):
    data = write_npz(tmp_path / "a.npz", [0, 1])
    use_scores(monkeypatch, np.eye(2))
    with pytest.raises(ValueError, match="hand-made takes images of 4 x 4 only; leave the size"):
        evaluate("hand-made", data, size=8)
    use_scores(monkeypatch, np.eye(2), shape=(None, None, 1))
    assert evaluate("hand-made", data, size=8).size == (8, 8)
    assert evaluate("hand-made", data).size == (224, 224)


def test_scores_that_are_no_numbers_are_refused(monkeypatch, tmp_path):
    use_scores(monkeypatch, [[np.nan, 0], [0, 1]])
    with pytest.raises(ValueError, match="hand-made predicts NaN; its training may have diverged"):
        evaluate("hand-made", write_npz(tmp_path / "a.npz", [0, 1]))


def test_features_are_no_predictions(trained, tmp_path):
    write_saved_model(features_of(trained[0]), tmp_path / "features")
    with pytest.raises(ValueError, match="features gives features, not class scores; expected a"):
        evaluate(tmp_path / "features", "digits")


def test_a_network_of_the_users_own_may_call_its_head_as_it_likes(tmp_path):
    network = keras.Sequential(
        [
            keras.Input((8, 8, 1)),
            keras.layers.Rescaling(1 / 255, name="preprocessing"),
            keras.layers.Flatten(),
            keras.layers.Dense(10, name="mine"),
        ]
    )
    network.save(tmp_path / "mine.keras")
    images, truth = digits(held_out=True)
    expected = accuracy_score(truth, network(images.astype("float32")).numpy().argmax(axis=1))
    assert evaluate(tmp_path / "mine.keras", "digits").top1 == expected


def test_json_and_table_say_the_same(monkeypatch, tmp_path):
    data = write_npz(tmp_path / "a.npz", [0, 0], ("cat", "dog"))
    use_scores(monkeypatch, [[1, 0], [0, 1]])
    found = evaluate("hand-made", data)
    content = json.loads(found.to_json())
    assert content["classes"] == [
        {"name": "cat", "images": 2, "right": 1, "share": 0.5},
        {"name": "dog", "images": 0, "right": 0, "share": None},
    ]
    assert (content["top1"], content["top5"], content["size"]) == (0.5, None, [4, 4])
    assert content == found.to_dict()
    cells = [list(column.cells) for column in _class_table(found).columns]
    assert cells == [["cat", "dog"], ["2", "0"], ["1", "0"], ["50.00 %", "-"]]
