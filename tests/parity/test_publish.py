"""Published folders, which timm loads as it loads a repository of its hub."""

import re
from collections.abc import Callable
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from unittest import mock

import keras
import pytest
import torch

import keras_mixers
from hub_export.model_facts import collect_facts
from hub_export.publish.hugging_face import export_hugging_face
from tests.helpers import timm_reference
from tests.helpers.timm_variants import TOLERANCE, VARIANTS, random_images, relative_difference
from tests.parity.pairs import SMALLEST, load

pytestmark = pytest.mark.parity

# Of each family, a network that timm has no name for; some are for images that aren't square.
SHAPE = (32, 64, 3)
UNNAMED: dict[str, Callable[..., keras.Model]] = {
    "conv_mixer": partial(keras_mixers.ConvMixer, 24, 2, 4, 3, "relu", input_shape=SHAPE),
    "mlp_mixer": partial(keras_mixers.MLPMixer, 24, 2, 8, 7, 50, input_shape=SHAPE),
    "tanh": partial(keras_mixers.MLPMixer, 24, 2, 8, activation="gelu_tanh", input_shape=SHAPE),
    "vit": partial(keras_mixers.ViT, 24, 2, 3, 8, 3.0, input_shape=SHAPE),
    "vit_average": partial(
        keras_mixers.ViT, 24, 2, 3, 8, class_token=False, input_shape=(32, 32, 3)
    ),
    "deit": partial(keras_mixers.ViT, 24, 2, 3, 8, distilled=True, input_shape=(32, 32, 3)),
    "res_mlp": partial(keras_mixers.ResMLP, 24, 2, 8, initial_scale=0.1, input_shape=SHAPE),
    "gmlp": partial(keras_mixers.gMLP, 24, 2, 8, channels_mlp_dim=50, input_shape=SHAPE),
}


def normalised(model: keras.Model) -> keras.Model:
    """Return a model that takes images as timm does: normalised."""
    start = model.get_layer("preprocessing").output
    return keras.Model(start, model.get_layer("head").output)


def difference(ours: keras.Model, theirs: torch.nn.Module, height: int, width: int) -> float:
    images = random_images(2, height, width)
    expected = timm_reference.logits(theirs, images)
    assert relative_difference(*expected) > 1000 * TOLERANCE
    return relative_difference(normalised(ours).predict_on_batch(images), expected)


@pytest.mark.parametrize("name", SMALLEST)
def test_timm_builds_a_published_network_from_the_folder(name: str, tmp_path: Path) -> None:
    timm = timm_reference.import_timm()
    ours = keras_mixers.create_model(name)
    load(ours, timm_reference.random_model(VARIANTS[name]), tmp_path)
    labels = [f"class {i}" for i in range(1000)]
    export_hugging_face(ours, tmp_path / "out", labels)
    theirs = timm.create_model(f"local-dir:{tmp_path / 'out'}", pretrained=True).eval()
    assert difference(ours, theirs, 224, 224) <= TOLERANCE
    how, known = theirs.pretrained_cfg, collect_facts(ours)
    assert (tuple(how["mean"]), tuple(how["std"])) == (known.mean, known.std)
    # What isn't known, timm chooses.
    crop = (known.crop or 0.875, known.interpolation or "bicubic")
    assert (how["crop_pct"], how["interpolation"]) == crop
    assert list(how["label_names"]) == labels
    other = timm.create_model(f"local-dir:{tmp_path / 'out'}", pretrained=True, num_classes=3)
    assert other.num_classes == 3


@pytest.mark.parametrize("name", UNNAMED)
def test_the_cards_example_builds_any_network(name: str, tmp_path: Path) -> None:
    ours = UNNAMED[name](classes=5)
    load(ours, timm_reference.randomise(run_example(ours, tmp_path / "initial")), tmp_path)
    theirs = run_example(ours, tmp_path / "out")
    height, width = ours.inputs[0].shape[1:3]
    assert difference(ours, theirs, height, width) <= TOLERANCE


def run_example(model: keras.Model, folder: Path) -> torch.nn.Module:
    """Publish a model into a folder, and return what the card's example for timm makes of it."""
    export_hugging_face(model, folder)
    card = (folder / "README.md").read_text()
    (program,) = re.findall(r"```python\n(import timm\n.*?)```", card, re.DOTALL)
    hub = SimpleNamespace(hf_hub_download=lambda _, file: str(folder / file))
    names = {"timm": timm_reference.import_timm()}
    with mock.patch.dict("sys.modules", huggingface_hub=hub):
        exec(program, names)
    return names["model"]
