"""`keras-mixers predict` with a file that timm might have released, beside timm itself."""

import json
from pathlib import Path

import numpy as np
import PIL.Image
import pytest
import sklearn.datasets
import torch

from keras_mixers.catalogue.sources import find_source
from keras_mixers.labels import imagenet_names
from tests.helpers import timm_reference
from tests.helpers.command_line import run
from tests.helpers.timm_variants import TOLERANCE, VARIANTS, relative_difference

pytestmark = pytest.mark.parity

PHOTOS = Path(sklearn.datasets.__file__).with_name("images")


@pytest.mark.parametrize("name", ["gmlp_s16", "convmixer_1024_20_p14", "resmlp_12", "vit_ti16"])
def test_logits_and_top_5_are_timms(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = find_source(name, "imagenet")
    # The weights are random, but bring what the released ones do: mean, deviation and crop.
    theirs = timm_reference.random_model(f"{VARIANTS[name]}.{timm_tag(source.url)}")
    moderate_logits(theirs)
    timm_reference.write_weights(theirs, tmp_path / source.file)
    monkeypatch.setenv("KERAS_MIXERS_WEIGHTS_URL", str(tmp_path))
    result = run("predict", name, "--weights", "imagenet", PHOTOS, "--top", 1000, "--json")
    (tmp_path / source.file).unlink()
    assert result.exit_code == 0, result.output
    found = json.loads(result.stdout)
    assert [Path(each["image"]).name for each in found] == ["china.jpg", "flower.jpg"]
    for each in found:
        logits = timm_logits(theirs, Path(each["image"]))
        names = [imagenet_names()[i] for i in np.argsort(-logits)[:5]]
        assert [best["name"] for best in each["classes"][:5]] == names
        # Probabilities say the logits, but for what is the same for all classes.
        ours = np.log([best["probability"] for best in each["classes"]])
        expected = np.sort(logits)[::-1]
        apart = relative_difference(ours - ours.mean(), expected - expected.mean())
        assert apart <= TOLERANCE


def moderate_logits(model: torch.nn.Module) -> None:
    """Scale a random head, so that no class's probability is too small to say its logit."""
    largest = float(np.abs(timm_logits(model, PHOTOS / "china.jpg")).max())
    with torch.no_grad():
        for parameter in model.get_classifier().parameters():
            parameter.mul_(5 / largest)


def timm_tag(url: str) -> str:
    """Return what a released file's address says of its training, such as "in1k"."""
    return url.split("/resolve/")[0].rpartition(".")[2]


def timm_logits(model: torch.nn.Module, photo: Path) -> np.ndarray:
    """Return the logits (classes,) of a photo, cut as timm itself does."""
    from timm.data import create_transform, resolve_data_config

    transform = create_transform(**resolve_data_config({}, model=model))
    with torch.inference_mode():
        return model(transform(PIL.Image.open(photo).convert("RGB"))[None])[0].numpy()
