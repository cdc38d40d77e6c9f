"""`keras-mixers predict` with every form of MODEL: the same classes, whatever the model's file."""

import json
import sys
from pathlib import Path
from types import ModuleType, SimpleNamespace

import keras
import numpy as np
import pytest
from PIL import Image

import keras_mixers
from hub_export.archive import write_archive
from hub_export.saved_model.export import write_saved_model
from hub_export.tflite.export import write_tflite
from keras_mixers.models.heads import with_output
from keras_mixers.preprocessing import load_pixels
from tests.helpers.command_line import failure, run
from tests.helpers.hostile_programs import write_file_writer
from tests.helpers.rounding import assert_close, roundings_in

NAMES = ["ant", "bee", "cat", "dog", "eel"]
SHAPE = (16, 16, 3)


@pytest.fixture(scope="module")
def model() -> keras.Model:
    network = keras_mixers.ConvMixer(4, 1, 4, 3, classes=5, input_shape=SHAPE)
    network.get_layer("head").bias.assign(np.arange(5) / 2)
    return network


@pytest.fixture(scope="module")
def folder(model: keras.Model, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The model in every form, with its class names, and an image."""
    folder = tmp_path_factory.mktemp("forms")
    for place in (folder, folder / "run"):
        place.mkdir(exist_ok=True)
        (place / "labels.txt").write_text("".join(f"{name}\n" for name in NAMES))
    model.save(folder / "run/model.keras")
    model.save(folder / "a.keras")
    write_saved_model(model, folder / "a", NAMES)
    write_archive(folder / "a", folder / "a.tar.gz")
    write_tflite(model, folder / "a.tflite")
    write_tflite(with_output(model, "logits"), folder / "logits.tflite")
    pixels = np.random.default_rng(0).integers(0, 256, (20, 30, 3), "uint8")
    Image.fromarray(pixels).save(folder / "photo.png")
    return folder


def check(model: keras.Model, folder: Path, *arguments: object) -> None:
    """Check that `predict` gives a model's probabilities of the photo, the largest first."""
    result = run("predict", *arguments, folder / "photo.png", "--json")
    assert result.exit_code == 0, result.output
    ((image, classes),) = (each.values() for each in json.loads(result.stdout))
    assert image == str(folder / "photo.png")
    pixels = load_pixels(folder / "photo.png", SHAPE)
    expected = keras.ops.convert_to_numpy(model(pixels[np.newaxis].astype("float32")))[0]
    order = np.argsort(-expected)
    assert [each["name"] for each in classes] == [NAMES[i] for i in order]
    found = np.array([each["probability"] for each in classes])
    assert_close(found, expected[order], roundings_in(model.weights))


@pytest.mark.parametrize("name", ["run", "a.keras", "a", "a.tar.gz", "a.tflite", "logits.tflite"])
def test_every_form_gives_the_same(model: keras.Model, folder: Path, name: str) -> None:
    check(model, folder, folder / name)


@pytest.fixture
def onnx_file(folder: Path, model: keras.Model, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An ONNX file whose packages, which the everyday tests lack, are played by the model.

    `make test-portable` has them.
    """

    def value(name: str, *sizes: int) -> SimpleNamespace:
        shape = SimpleNamespace(dim=[SimpleNamespace(dim_value=size) for size in sizes])
        return SimpleNamespace(
            name=name, type=SimpleNamespace(tensor_type=SimpleNamespace(shape=shape))
        )

    graph = SimpleNamespace(
        input=[value("images", 0, *SHAPE)],
        output=[value("output_0", 0, 5)],
        node=[SimpleNamespace(op_type="Softmax", input=["x"], output=["output_0"])],
    )
    onnx = ModuleType("onnx")
    monkeypatch.setattr(onnx, "load", lambda path: SimpleNamespace(graph=graph), raising=False)
    monkeypatch.setitem(sys.modules, "onnx", onnx)
    monkeypatch.setattr("training.evaluation.load_exports.require_packages", lambda *names: None)
    monkeypatch.setattr(
        "training.evaluation.load_exports.load_export",
        lambda path: lambda pixels: {"output_0": model.predict_on_batch(pixels.astype("float32"))},
    )
    path = folder / "a.onnx"
    path.touch()
    return path


def test_an_onnx_file(model: keras.Model, folder: Path, onnx_file: Path) -> None:
    check(model, folder, onnx_file)


def test_packages_of_onnx_are_named(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("hub_export.requirements.importlib.util.find_spec", lambda name: None)
    (folder / "b.onnx").touch()
    message = failure(run("predict", folder / "b.onnx", folder / "photo.png"))
    assert "The package 'onnx' is not installed: pip install 'keras-mixers[onnx]'." in message


def test_a_saved_model_of_others_must_be_trusted(folder: Path, tmp_path: Path) -> None:
    write_file_writer(tmp_path / "a", tmp_path / "target")
    command = ("predict", tmp_path / "a", folder / "photo.png", "--top", 1)
    assert "a has operators that may do more than compute: 'WriteFile'; if" in failure(
        run(*command)
    )
    assert not (tmp_path / "target").exists()
    result = run(*command, "--trust")
    assert result.exit_code == 0, result.output
    # Its ten logits are equal.
    assert result.stdout.splitlines()[1:] == ["   10.00%  class 0"]
    assert result.stderr.endswith("is a SavedModel, which is a program; it is trusted unseen.\n")
    assert (tmp_path / "target").exists()
