"""What the tests of downloads share."""

import subprocess
import sys
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
STAGING = f".{SOURCE.file}-writing"
# A process of its own, without Keras, whose import takes seconds. Its timeout is long: on a busy
# machine the server may wait for another process.
CHILD = """
import sys
import keras_mixers_cli
from keras_mixers.weights.download import fetch
from keras_mixers.catalogue.sources import find_source
assert not {"keras", "tensorflow", "torch"} & set(sys.modules)
source = find_source("mixer_b16", "imagenet")
sys.modules["pooch.downloaders"].DEFAULT_TIMEOUT = 600
"""
HANGS = 600  # Seconds after which a child that never ends is a failure.
every_release = pytest.mark.parametrize("key", RELEASED, ids="-".join)


def error_of(source: Source = SOURCE) -> str:
    with pytest.raises(DownloadError) as error:
        fetch(source)
    assert "\n" not in str(error.value)
    return str(error.value)


def left_in(cache: Path) -> list[str]:
    return sorted(path.name for path in cache.iterdir())


def start_child(code: str) -> subprocess.Popen[str]:
    """Start a process that downloads, which knows `fetch` and a `source`."""
    return subprocess.Popen(
        [sys.executable, "-W", "error", "-c", CHILD + code],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
