"""`keras-mixers predict` with every form of MODEL: the same classes, whatever the model's file."""

import json
import sys
from dataclasses import replace
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
from keras_mixers import catalogue
from keras_mixers.catalogue.sources import find_source
from keras_mixers.labels import imagenet_names
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


@pytest.fixture
def released(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file under the name of a released one, for a ResMLP of the variant's form but narrow."""
    monkeypatch.setenv("KERAS_MIXERS_WEIGHTS_URL", str(tmp_path))
    info = keras_mixers.model_info("resmlp_12")
    narrow = replace(info, arguments={**info.arguments, "hidden_dim": 8, "depth": 1})
    monkeypatch.setitem(catalogue._VARIANTS, "resmlp_12", narrow)
    path = tmp_path / find_source("resmlp_12", "imagenet-authors").file
    write_res_mlp(path, 8)


def write_res_mlp(path: Path, width: int) -> None:
    """Write weights of one block in the layout of ResMLP's authors, of random numbers."""
    import torch

    shapes = {
        "patch_embed.proj.weight": (width, 3, 16, 16),
        "patch_embed.proj.bias": (width,),
        "blocks.0.attn.weight": (196, 196),
        "blocks.0.attn.bias": (196,),
        "blocks.0.mlp.fc1.weight": (4 * width, width),
        "blocks.0.mlp.fc1.bias": (4 * width,),
        "blocks.0.mlp.fc2.weight": (width, 4 * width),
        "blocks.0.mlp.fc2.bias": (width,),
        "head.weight": (1000, width),
        "head.bias": (1000,),
    }
    for norm in ("blocks.0.norm1", "blocks.0.norm2", "norm"):
        shapes |= {f"{norm}.alpha": (width,), f"{norm}.beta": (width,)}
    for gamma in ("blocks.0.gamma_1", "blocks.0.gamma_2"):
        shapes[gamma] = (width,)
    random = np.random.default_rng(0)
    tensors = {
        key: torch.from_numpy(0.5 * random.standard_normal(shape, "float32"))
        for key, shape in shapes.items()
    }
    torch.save(tensors, path)


def test_a_variant_brings_its_weights_crop_and_names(folder: Path, released: None) -> None:
    photo, command = folder / "photo.png", ("predict", "resmlp_12", folder / "photo.png", "--json")
    result = run(*command, "--weights", "imagenet-authors", "--top", 1000)
    assert result.exit_code == 0, result.output
    ((_, classes),) = (each.values() for each in json.loads(result.stdout))
    network = keras_mixers.create_model("resmlp_12", weights="imagenet-authors")
    crop = find_source("resmlp_12", "imagenet-authors").preprocessing.crop
    pixels = load_pixels(photo, (224, 224, 3), crop)[np.newaxis].astype("float32")
    expected = keras.ops.convert_to_numpy(network(pixels))[0]
    order = np.argsort(-expected, kind="stable")
    assert [each["name"] for each in classes[:5]] == [imagenet_names()[i] for i in order[:5]]
    found = np.array([each["probability"] for each in classes])
    np.testing.assert_array_equal(found, expected[order])
    assert "resmlp_12 needs --weights; see `keras" in failure(run(*command), 2)
    message = failure(run(*command, "--weights", "imagenot"))
    assert "There are no weights 'imagenot' of 'resmlp_12'" in message
