"""Variants with released weights in `keras-mixers predict`, `evaluate` and `few-shot`."""

import json
from dataclasses import replace
from pathlib import Path

import keras
import numpy as np
import pytest
import torch
from PIL import Image

import keras_mixers
from keras_mixers import catalogue
from keras_mixers.catalogue.sources import find_source
from keras_mixers.labels import imagenet_names
from keras_mixers.preprocessing import load_pixels, resize_and_crop
from tests.helpers.command_line import failure, run

WEIGHTS = ("--weights", "imagenet-authors")


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


def probabilities(pixels: np.ndarray) -> np.ndarray:
    network = keras_mixers.create_model("resmlp_12", weights="imagenet-authors")
    return keras.ops.convert_to_numpy(network(pixels.astype("float32")))


@pytest.fixture
def images() -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (4, 30, 40, 3), "uint8")


def test_prediction_brings_weights_crop_and_names(
    released: None, images: np.ndarray, tmp_path: Path
) -> None:
    photo = tmp_path / "photo.png"
    Image.fromarray(images[0]).save(photo)
    command = ("predict", "resmlp_12", photo, "--json", "--top", 1000)
    result = run(*command, *WEIGHTS)
    assert result.exit_code == 0, result.output
    ((_, classes),) = (each.values() for each in json.loads(result.stdout))
    crop = find_source("resmlp_12", "imagenet-authors").preprocessing.crop
    expected = probabilities(load_pixels(photo, (224, 224, 3), crop)[np.newaxis])[0]
    order = np.argsort(-expected, kind="stable")
    assert [each["name"] for each in classes] == [imagenet_names()[i] for i in order]
    assert [each["probability"] for each in classes] == expected[order].tolist()
    assert "resmlp_12 needs --weights; see `keras" in failure(run(*command), 2)
    message = failure(run(*command, "--weights", "imagenot"))
    assert "There are no weights 'imagenot' of 'resmlp_12'" in message


def test_evaluation_by_name(released: None, images: np.ndarray, tmp_path: Path) -> None:
    preprocessing = find_source("resmlp_12", "imagenet-authors").preprocessing
    pixels = [
        resize_and_crop(Image.fromarray(image), (224, 224), preprocessing.crop) for image in images
    ]
    best = probabilities(np.stack(pixels)).argmax(axis=1)
    truth = np.where(np.arange(4) < 3, best, (best + 1) % 1000)  # The last one is wrong.
    data = tmp_path / "data.npz"
    names = np.array(imagenet_names())
    arrays = {"x_train": images, "y_train": truth, "x_test": images, "y_test": truth}
    np.savez(data, **arrays, class_names=names)
    result = run("evaluate", "resmlp_12", *WEIGHTS, "--data", f"npz:{data}", "--json")
    assert result.exit_code == 0, result.output
    found = json.loads(result.stdout)
    assert (found["model"], found["top1"]) == ("resmlp_12:imagenet-authors", 0.75)
    assert (found["crop"], found["size"]) == (preprocessing.crop, [224, 224])
    assert found["classes"][207]["name"] == "golden retriever"


def test_few_shot_of_a_variant(released: None, images: np.ndarray, tmp_path: Path) -> None:
    truth = np.arange(4) % 2
    arrays = {"x_train": images, "y_train": truth, "x_test": images, "y_test": truth}
    np.savez(tmp_path / "data.npz", **arrays)
    options = ("--data", f"npz:{tmp_path / 'data.npz'}", "--shots", 2, "--seeds", 1)
    result = run("few-shot", "resmlp_12", *WEIGHTS, *options)
    assert result.exit_code == 0, result.output
    assert "with 2 images per class, 4 images" in result.stdout
