"""TFLite, ONNX and OpenVINO take the models and compute the same numbers."""

from collections.abc import Callable
from pathlib import Path

import keras
import numpy as np
import pytest

from tests.backends.compute import model_and_images
from tests.helpers.rounding import assert_close, roundings_in
from tests.helpers.tiny_models import BUILDERS
from tests.portable.converters import run_onnx, run_openvino, run_tflite

pytestmark = [
    pytest.mark.portable,
    # tf2onnx under NumPy 2.
    pytest.mark.filterwarnings("ignore:In the future `np.object` will be defined:FutureWarning"),
]

RUNTIMES = {"tflite": run_tflite, "onnx": run_onnx, "openvino": run_openvino}
Run = Callable[[keras.Model, np.ndarray, Path], np.ndarray]


@pytest.mark.parametrize("run", RUNTIMES.values(), ids=RUNTIMES)
@pytest.mark.parametrize("name", BUILDERS)
def test_same_numbers(name: str, run: Run, tmp_path: Path) -> None:
    model, images = model_and_images(name)
    expected = model.predict(images, verbose=0)
    assert np.ptp(expected, axis=0).max() > 0.05  # The output depends on the image.
    assert_close(run(model, images, tmp_path), expected, roundings_in(model.weights))
