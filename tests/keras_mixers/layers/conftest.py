"""A setting of Keras that some of these tests need."""

from collections.abc import Iterator

import keras
import pytest


@pytest.fixture
def channels_first() -> Iterator[None]:
    """Set Keras to the data format that these layers refuse."""
    keras.config.set_image_data_format("channels_first")
    yield
    keras.config.set_image_data_format("channels_last")
