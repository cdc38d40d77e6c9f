"""oneDNN is on wherever TensorFlow has it, unless the user has decided otherwise."""

import os
import subprocess
import sys
import warnings
from types import SimpleNamespace

import pytest

from keras_mixers import onednn

# Prints the variable as TensorFlow would find it, and ends there: all of TensorFlow takes seconds.
PROGRAM = f"""
import os, sys

class Finder:
    def find_spec(name, *_):
        if name == "tensorflow":
            print(os.environ.get("{onednn.VARIABLE}"), flush=True)
            os._exit(0)

sys.meta_path.insert(0, Finder)
"""


@pytest.mark.parametrize(
    ("package", "chosen", "expected"),
    [
        ("keras_mixers", {}, "1"),
        ("training.train", {}, "1"),
        ("hub_export.saved_model.export", {}, "1"),
        ("benchmarks.distributed.all_reduce", {}, "1"),
        ("keras_mixers", {onednn.VARIABLE: "0"}, "0"),
    ],
)
def test_it_is_on_before_tensorflow_unless_the_user_decided(package, chosen, expected):
    environment = {name: text for name, text in os.environ.items() if name != onednn.VARIABLE}
    done = subprocess.run(
        [sys.executable, "-c", f"{PROGRAM}\nimport {package}"],
        env=environment | chosen,
        capture_output=True,
        text=True,
    )
    assert done.stdout.split() == [expected], done.stderr


def test_tensorflow_tells_whether_it_is_on():
    """Fails when TensorFlow says it elsewhere."""
    assert sys.modules[onednn._PORT].IsMklEnabled() in (True, False)


@pytest.fixture
def slow(monkeypatch):
    """A TensorFlow that was imported without oneDNN, on a machine without GPU."""
    monkeypatch.delenv(onednn.VARIABLE, raising=False)
    monkeypatch.setattr(onednn.platform, "machine", lambda: "x86_64")
    monkeypatch.setattr(onednn.sys, "platform", "linux")
    monkeypatch.setitem(sys.modules, onednn._PORT, SimpleNamespace(IsMklEnabled=lambda: False))
    config = SimpleNamespace(list_physical_devices=lambda kind: [])
    monkeypatch.setitem(sys.modules, "tensorflow", SimpleNamespace(config=config))
    return config


def test_a_tensorflow_that_was_imported_first_is_named(slow):
    with pytest.warns(UserWarning, match=r"Import keras_mixers first, or set .*OPTS=1 \(=0 sil"):
        onednn.enable_onednn()
    assert onednn.VARIABLE not in os.environ


@pytest.mark.parametrize("reason", ["enabled", "GPU", "Arm", "Mac", "set"])
def test_no_warning_where_it_does_not_matter(slow, monkeypatch, reason):
    if reason == "enabled":
        monkeypatch.setattr(sys.modules[onednn._PORT], "IsMklEnabled", lambda: True)
    elif reason == "GPU":
        slow.list_physical_devices = lambda kind: ["GPU:0"]
    elif reason == "Arm":
        monkeypatch.setattr(onednn.platform, "machine", lambda: "aarch64")
    elif reason == "Mac":
        monkeypatch.setattr(onednn.sys, "platform", "darwin")
    else:
        monkeypatch.setenv(onednn.VARIABLE, "0")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        onednn.enable_onednn()
