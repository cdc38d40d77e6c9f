import shutil

import keras
import numpy as np
import pytest
import tensorflow as tf

from hub_export.archive import write_archive
from hub_export.saved_model.export import write_saved_model
from hub_export.tflite.export import write_tflite
from keras_mixers import ConvMixer
from keras_mixers.catalogue.preprocessing import IMAGENET_MEAN, IMAGENET_STD, Preprocessing
from tests.helpers.rounding import assert_close
from training.evaluation.load_model import load_model
from training.recipe import ModelSpec, Optimizer, Recipe
from training.recipes.shared_augmentations import DIGITS
from training.run.open_folder import open_run_folder
from training.schedule_settings import WarmupCosine

NAMES = ["cat", "dog", "eel"]


def conv_mixer(name="mine", **arguments):
    return ConvMixer(4, 1, 4, 3, **{"input_shape": (8, 8, 3), "classes": 3, **arguments}, name=name)


def write_labels(folder, names):
    (folder / "labels.txt").write_text("".join(f"{name}\n" for name in names))


# Sums of 48 pixels, twice 9 neighbours, and three times 4 channels; once more for batch norms.
ROUNDINGS = 2 * (48 + 9 + 3 * 4)


@pytest.fixture(scope="module")
def published(tmp_path_factory):
    """One of a published name and normalisation, in every form."""
    folder = tmp_path_factory.mktemp("published")
    model = conv_mixer("convmixer_768_32", input_shape=(None, None, 3))
    model.save(folder / "a.keras")
    write_saved_model(model, folder / "a", NAMES)
    write_archive(folder / "a", folder / "a.tar.gz")
    write_tflite(model, folder / "a.tflite", input_shape=(None, None, 3))
    return folder


@pytest.mark.parametrize("form", [".keras", "", ".tar.gz", ".tflite"])
def test_what_is_known_of_each_form(published, form):
    opened = load_model(published / f"a{form}")
    assert opened.path == published / f"a{form}"
    assert opened.input_shape == (None, None, 3)
    assert opened.classes == 3
    assert opened.labels == (NAMES if form in ("", ".tar.gz") else None)
    # A TFLite file does not say which network it holds.
    crop = 1.0 if form == ".tflite" else 0.96
    assert (opened.crop, opened.interpolation) == (crop, "bicubic")
    pixels = np.random.default_rng(0).integers(0, 256, (5, 12, 12, 3), "uint8")
    expected = load_model(published / "a.keras")
    scores, wanted = opened.scores(pixels), expected.scores(pixels)
    if form == ".tflite":  # The model as it is, which ends in probabilities.
        scores = np.log(scores)
    logits = [values - values.mean(axis=1, keepdims=True) for values in (scores, wanted)]
    assert_close(*logits, ROUNDINGS)
    if form == ".tflite":
        assert opened.features is None
    else:
        assert_close(opened.features(pixels), expected.features(pixels), ROUNDINGS)


@pytest.mark.parametrize("since", ["preprocessing.json", "recipe.json"])
def test_a_run_is_cut_as_its_folder_says(tmp_path, since):
    conv_mixer("convmixer_768_32").save(tmp_path / "model.keras")
    write_labels(tmp_path, NAMES)
    preprocessing = Preprocessing(IMAGENET_MEAN, IMAGENET_STD, 0.5, "bilinear")
    recipe = Recipe(
        name="mine",
        model=ModelSpec("convmixer_768_32", preprocessing=preprocessing),
        data="digits",
        epochs=1,
        batch_size=8,
        optimizer=Optimizer("sgd"),
        schedule=WarmupCosine(0.1),
        augmentation=DIGITS,
    )
    assert load_model(tmp_path).crop == 0.96
    with open_run_folder(tmp_path / "run", recipe) as folder:
        folder.write_start(recipe, NAMES)
    shutil.copy(tmp_path / "run" / since, tmp_path)  # The recipe alone: as older runs have it.
    opened = load_model(tmp_path)
    assert (opened.crop, opened.interpolation) == (0.5, "bilinear")
    assert opened.labels == NAMES


def test_a_damaged_file_of_a_run_is_no_reason_to_guess(tmp_path):
    conv_mixer().save(tmp_path / "model.keras")
    (tmp_path / "preprocessing.json").write_text("{")
    with pytest.raises(
        ValueError, match=r"preprocessing\.json is not the preprocessing of a run; exp"
    ):
        load_model(tmp_path)


def test_labels_beside_a_lone_file_count_if_they_fit(published, tmp_path):
    for name in ("a.keras", "a.tflite"):
        shutil.copy(published / name, tmp_path)
        write_labels(tmp_path, NAMES)
        assert load_model(tmp_path / name).labels == NAMES
        write_labels(tmp_path, NAMES[:2])
        with pytest.warns(UserWarning, match=rf"The class names beside {name} are ignored: .*2 n"):
            assert load_model(tmp_path / name).labels is None
        with pytest.raises(ValueError, match=r"labels\.txt: .*received 2 names for 3 classes"):
            load_model(tmp_path / name, labels=tmp_path / "labels.txt")


def test_labels_of_a_run_must_fit(tmp_path):
    conv_mixer().save(tmp_path / "model.keras")
    write_labels(tmp_path, NAMES[:2])
    with pytest.raises(ValueError, match="received 2 names for 3 classes"):
        load_model(tmp_path)
    (tmp_path / "others.txt").write_text("ant\nbee\nfox\n")
    assert load_model(tmp_path, labels=tmp_path / "others.txt").labels == ["ant", "bee", "fox"]


def test_a_model_without_top_has_features_alone(tmp_path):
    model = conv_mixer(include_top=False, pooling="avg")
    model.save(tmp_path / "a.keras")
    write_saved_model(model, tmp_path / "a")
    for name in ("a.keras", "a"):
        opened = load_model(tmp_path / name)
        assert (opened.scores, opened.classes, opened.labels) == (None, None, None)
        assert opened.features(np.zeros((2, 8, 8, 3), "uint8")).shape == (2, 4)


def test_half_precision_scores_are_float32(tmp_path):
    keras.config.set_dtype_policy("mixed_float16")
    conv_mixer().save(tmp_path / "a.keras")
    assert load_model(tmp_path / "a.keras").scores(np.zeros((2, 8, 8, 3), "uint8")).dtype == "f4"


@pytest.mark.parametrize("name", ["a.keras", "a.tflite", "a", "a.tar.gz"])
def test_what_is_not_there(tmp_path, name):
    with pytest.raises(FileNotFoundError, match=f"There is no model '.*{name}'"):
        load_model(tmp_path / name)


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("a.keras", r"a\.keras is not a \.keras file, or is incomplete"),
        ("a.tflite", r"a\.tflite can't be loaded as a TFLite file \("),
        ("a.tar.gz", r"a\.tar\.gz can't be unpacked \("),
        ("a.h5", r"a\.h5 is no model; expected a run's folder with a file model\.keras, a \.keras"),
    ],
)
def test_files_that_are_no_model(tmp_path, name, said):
    (tmp_path / name).write_text("no model")
    with pytest.raises(ValueError, match=said):
        load_model(tmp_path / name)


def test_folders_that_are_no_model(tmp_path):
    with pytest.raises(ValueError, match="is no model; expected a run's folder"):
        load_model(tmp_path)
    (tmp_path / "saved_model.pb").write_bytes(b"no graph")
    with pytest.raises(ValueError, match="can't be loaded as a SavedModel"):
        load_model(tmp_path)


def test_damaged_metadata_are_no_reason_to_guess(published, tmp_path):
    shutil.copytree(published / "a", tmp_path / "a")
    (tmp_path / "a" / "assets" / "metadata.json").write_text("[" * 100_000)
    with pytest.raises(ValueError, match=r"metadata\.json is not the metadata of an export; "):
        load_model(tmp_path / "a")


def test_saved_models_of_others(tmp_path):
    root = tf.train.Checkpoint()
    root.__call__ = tf.function(lambda x: 2 * x, [tf.TensorSpec((None, 3), tf.float32)])
    tf.saved_model.save(root, str(tmp_path / "callable"))
    conv_mixer().export(tmp_path / "keras", verbose=False)
    for name in ("callable", "keras"):
        with pytest.raises(ValueError, match=f"{name} is no SavedModel as export_saved_model wri"):
            load_model(tmp_path / name)


def test_tflite_files_of_others(tmp_path):
    double = tf.function(lambda x: 2 * x, [tf.TensorSpec((1, 3), tf.float32)])
    converter = tf.lite.TFLiteConverter.from_concrete_functions([double.get_concrete_function()])
    (tmp_path / "a.tflite").write_bytes(converter.convert())
    with pytest.raises(ValueError, match=r"a\.tflite is no TFLite classifier as export_tflite"):
        load_model(tmp_path / "a.tflite")
