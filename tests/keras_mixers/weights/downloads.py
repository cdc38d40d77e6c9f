"""What the tests of downloads share."""

from pathlib import Path

import pytest

from keras_mixers.catalogue.source import Source
from keras_mixers.catalogue.sources import find_source
from keras_mixers.weights.download import DownloadError, fetch
from tests.keras_mixers.weights.golden import DATA

RELEASED = {
    ("convmixer_1536_20", "imagenet"): "convmixer_gelu_timm.safetensors",
    ("convmixer_768_32", "imagenet"): "convmixer_relu_timm.safetensors",
    ("convmixer_1536_20", "imagenet-authors"): "convmixer_gelu_original.pth.tar",
    ("mixer_b16", "imagenet"): "mixer_google.npz",
    ("mixer_b16", "imagenet-timm"): "mixer_timm.safetensors",
    ("t2t_vit_14", "imagenet"): "t2t_performer.pth.tar",
    ("t2t_vit_14", "cifar100"): "t2t_performer.pth.tar",
    ("t2t_vit_t_14", "imagenet"): "t2t_transformer.pth.tar",
}
SOURCE = find_source("mixer_b16", "imagenet")
CONTENT = (DATA / RELEASED["mixer_b16", "imagenet"]).read_bytes()
every_release = pytest.mark.parametrize("key", RELEASED, ids="-".join)


def error_of(source: Source = SOURCE) -> str:
    with pytest.raises(DownloadError) as error:
        fetch(source)
    assert "\n" not in str(error.value)
    return str(error.value)


def left_in(cache: Path) -> list[str]:
    return sorted(path.name for path in cache.iterdir())
