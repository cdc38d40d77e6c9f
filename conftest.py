"""What all tests share: the same seed, Keras's settings put back, README's examples as tests."""

import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

import keras
import pytest
from sybil import Sybil
from sybil.parsers.markdown import PythonCodeBlockParser

ROOT = Path(__file__).parent


def _enter(namespace: dict) -> None:
    """Run README's examples where they may write, with the tests' data at hand."""
    namespace["_folder"] = tempfile.TemporaryDirectory()
    os.chdir(namespace["_folder"].name)
    os.symlink(ROOT / "tests", "tests")


def _leave(namespace: dict) -> None:
    os.chdir(ROOT)
    namespace["_folder"].cleanup()


pytest_collect_file = Sybil(
    parsers=[PythonCodeBlockParser()], patterns=["README.md"], setup=_enter, teardown=_leave
).pytest()


@pytest.fixture(autouse=True)
def _fresh_keras() -> Iterator[None]:
    keras.utils.set_random_seed(0)
    yield
    keras.config.set_image_data_format("channels_last")
    keras.config.set_dtype_policy("float32")
