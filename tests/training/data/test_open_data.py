import subprocess
import sys

import numpy as np
import pytest

from tests.training.data.samples import fill
from training.data import DataError, open_data


@pytest.mark.parametrize(
    ("address", "hint"),
    [
        ("cifar10", "; did you mean tfds:cifar10"),
        ("tfsd:cifar10", "; did you mean tfds:cifar10"),
        ("dgits", "; did you mean digits"),
        ("folders:a/b", "; did you mean folder:a/b"),
        ("tfds:", ""),
        ("", ""),
    ],
)
def test_an_unknown_address(address, hint):
    with pytest.raises(DataError) as caught:
        open_data(address)
    expected = "expected tfds:NAME, folder:PATH, npz:PATH, digits, mnist5k"
    assert str(caught.value) == f"There is no data set {address!r}; {expected}{hint}."


def test_a_bare_folder_is_offered(tmp_path):
    with pytest.raises(DataError, match=f"; did you mean folder:{tmp_path}.$"):
        open_data(str(tmp_path))


@pytest.mark.parametrize("share", [0, 1, -0.1])
def test_a_share_out_of_range(share):
    with pytest.raises(ValueError, match=f"must be a share between 0 and 1; received {share}."):
        open_data("digits", held_out=share)


def test_channels_out_of_range():
    with pytest.raises(ValueError, match=r"^channels must be 1 or 3; received 2\.$"):
        open_data("digits", channels=2)


@pytest.fixture
def addresses(tmp_path):
    """Return data of each kind but tensorflow-datasets' own."""
    np.savez(tmp_path / "a.npz", x=np.zeros((8, 4, 4), np.uint8), y=np.arange(8) % 2)
    fill(tmp_path / "images", 2)
    return ["digits", f"npz:{tmp_path / 'a.npz'}", f"folder:{tmp_path / 'images'}"]


def test_opening_data_leaves_tfds_alone(addresses, monkeypatch):
    """Its import takes seconds."""
    monkeypatch.delitem(sys.modules, "training.data.sources.tfds", raising=False)
    monkeypatch.setitem(sys.modules, "tensorflow_datasets", None)
    for address in addresses:
        open_data(address)


SCRIPT = """
import sys
from training.data import open_data, train_batches, evaluation_batches
for address in sys.argv[1:]:
    data = open_data(address)
import tensorflow as tf
cpu = tf.config.list_physical_devices("CPU")[0]
tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * 2)
assert len(tf.config.list_logical_devices("CPU")) == 2
next(iter(evaluation_batches(data.validation, 2, (4, 4))))
"""


@pytest.mark.distributed
def test_opening_data_leaves_the_devices_unsettled(addresses):
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, *addresses], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr[-1000:]
