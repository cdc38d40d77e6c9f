"""What all tests share: the same seed, Keras's settings put back, README's examples as tests."""

from collections.abc import Iterator

import keras
import pytest
from sybil import Sybil
from sybil.parsers.markdown import PythonCodeBlockParser

pytest_collect_file = Sybil(parsers=[PythonCodeBlockParser()], patterns=["README.md"]).pytest()


@pytest.fixture(autouse=True)
def _fresh_keras() -> Iterator[None]:
    keras.utils.set_random_seed(0)
    yield
    keras.config.set_image_data_format("channels_last")
    keras.config.set_dtype_policy("float32")
