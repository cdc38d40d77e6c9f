import json
import shutil
from dataclasses import asdict

import pytest

import keras_mixers
from hub_export.exportable_model import load_exportable_model
from keras_mixers.catalogue.preprocessing import Preprocessing
from keras_mixers.catalogue.sources import find_source
from keras_mixers.labels import imagenet_names
from tests.helpers.export_models import conv_mixer
from tests.keras_mixers.weights.golden import DATA

LABELS = "a\nb\nc\nd\ne\n"


@pytest.fixture
def run(tmp_path):
    """A folder as training leaves it."""
    run = tmp_path / "run"
    run.mkdir()
    conv_mixer(name="mine").save(run / "model.keras")
    (run / "labels.txt").write_text(LABELS)
    result = {"accuracy": 0.75, "command": "keras-mixers train mine", "dataset": "letters"}
    (run / "result.json").write_text(json.dumps(result))
    return run


def test_run_brings_labels_and_result(run):
    origin = load_exportable_model(str(run), licence="MIT")
    assert origin.model.name == "mine"
    assert origin.labels == list("abcde")
    facts = origin.facts
    assert (facts.accuracy, facts.accuracy_source) == (0.75, "keras-mixers train mine")
    assert (facts.dataset, facts.licence, facts.labels) == ("letters", "MIT", True)


def test_lone_file_brings_nothing_but_itself(run):
    origin = load_exportable_model(str(run / "model.keras"))
    assert origin.labels is None
    assert origin.facts.accuracy is None
    own = run.parent / "own.txt"
    own.write_text("v\nw\nx\ny\nz\n")
    assert load_exportable_model(str(run / "model.keras"), labels=own).labels == list("vwxyz")


def test_run_without_result_has_no_accuracy(run):
    (run / "result.json").unlink()
    assert load_exportable_model(str(run)).facts.accuracy is None
    (run / "result.json").write_text('{"accuracy": 0.75}')  # Measured by nobody knows what.
    assert load_exportable_model(str(run)).facts.accuracy is None
    for text in ("{", "[]"):
        (run / "result.json").write_text(text)
        with pytest.raises(ValueError, match=r"result\.json is not the result of a run"):
            load_exportable_model(str(run))


def test_run_brings_its_crop(run):
    assert load_exportable_model(str(run)).facts.crop is None
    preprocessing = Preprocessing((0.1, 0.2, 0.3), (0.5, 0.5, 0.5), 0.75, "bilinear")
    (run / "preprocessing.json").write_text(json.dumps(asdict(preprocessing)))
    facts = load_exportable_model(str(run)).facts
    assert (facts.crop, facts.interpolation) == (0.75, "bilinear")
    assert facts.mean != preprocessing.mean  # What the network itself does to pixels counts.
    assert load_exportable_model(str(run / "model.keras")).facts.crop is None
    (run / "preprocessing.json").write_text("[]")
    with pytest.raises(ValueError, match=r"preprocessing\.json is not the preprocessing of a run"):
        load_exportable_model(str(run))


def test_released_weights_bring_licence_accuracy_and_names(tmp_path, monkeypatch):
    # No released file is here: one of the same form, of random weights.
    source = find_source("mixer_b16", "imagenet21k")
    monkeypatch.setenv("KERAS_MIXERS_WEIGHTS_URL", str(tmp_path))
    monkeypatch.setattr(
        "hub_export.exportable_model.build_from_checkpoint", lambda name: (conv_mixer(), name)
    )
    monkeypatch.setattr("hub_export.exportable_model.imagenet_names", lambda: tuple("abcde"))
    origin = load_exportable_model("mixer_b16", "imagenet21k")
    assert origin.facts.dataset == source.dataset
    assert origin.facts.licence == source.licence
    assert origin.labels is None
    released = find_source("convmixer_768_32", "imagenet")
    origin = load_exportable_model("convmixer_768_32", "imagenet")
    assert origin.labels == list("abcde")
    assert origin.facts.accuracy == pytest.approx(released.top1 / 100)
    assert origin.facts.accuracy_source == released.top1_source
    # The variant has been published with another crop, too.
    authors = find_source("resmlp_12", "imagenet-authors")
    assert authors.preprocessing.crop != find_source("resmlp_12", "imagenet").preprocessing.crop
    for name in ("imagenet", "imagenet-authors"):
        expected = find_source("resmlp_12", name).preprocessing.crop
        assert load_exportable_model("resmlp_12", name).facts.crop == expected
    assert (
        load_exportable_model("convmixer_768_32", "imagenet", licence="MIT").facts.licence == "MIT"
    )


def test_imagenet_has_as_many_names_as_released_classes():
    assert find_source("convmixer_768_32", "imagenet").classes == len(imagenet_names())


def test_file_must_be_of_the_variant():
    with pytest.raises(ValueError, match="fits no published variant"):
        load_exportable_model("mixer_b16", str(DATA / "mixer_google.npz"))


@pytest.mark.parametrize(
    ("name", "weights", "error", "message"),
    [
        ("mixer_b61", None, ValueError, "no variant 'mixer_b61'; did you mean mixer_b16"),
        ("a/b", None, FileNotFoundError, "There is no model 'a/b'; expected a run's folder"),
        ("a.keras", None, FileNotFoundError, r"There is no model 'a\.keras'"),
        ("mixer_b16", None, ValueError, "mixer_b16 needs weights; released weights are imagenet"),
        ("mixer_h14", None, ValueError, "needs weights; none were released, so give a file"),
        ("mixer_b16", "imagenot", ValueError, "There are no weights 'imagenot' of 'mixer_b16'"),
    ],
)
def test_unknown_model(name, weights, error, message):
    with pytest.raises(error, match=message):
        load_exportable_model(name, weights)


def test_what_does_not_fit_together(run, tmp_path):
    with pytest.raises(
        ValueError, match="has weights already; give the name of a variant, or leave"
    ):
        load_exportable_model(str(run), "imagenet")
    (run / "labels.txt").write_text("a\nb\n")
    with pytest.raises(ValueError, match="received 2 names for 5 classes"):
        load_exportable_model(str(run))
    shutil.rmtree(run)
    run.mkdir()
    with pytest.raises(ValueError, match=r"run is no model; expected a run's folder with a file"):
        load_exportable_model(str(run))
    keras_mixers.ConvMixer(8, 1, include_top=False).save(run / "model.keras")
    assert load_exportable_model(str(run)).facts.classes is None
    (run / "labels.txt").write_text(LABELS)
    with pytest.raises(ValueError, match="has no classes; leave the labels out"):
        load_exportable_model(str(run))
