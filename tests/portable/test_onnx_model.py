"""An ONNX file as the MODEL of `predict` and `evaluate`."""

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import keras_mixers
from hub_export.onnx import export_onnx
from keras_mixers.models.heads import with_output
from tests.helpers.command_line import failure, run
from tests.helpers.rounding import assert_close, roundings_in

pytestmark = pytest.mark.portable


def shares(*arguments: object) -> dict[str, float]:
    """Return the probability of each class that `predict` prints for one image."""
    result = run("predict", *arguments, "--json", "--top", 10)
    assert result.exit_code == 0, result.output
    (found,) = json.loads(result.stdout)
    return {each["name"]: each["probability"] for each in found["classes"]}


@pytest.mark.parametrize("output", ["probabilities", "logits"])
def test_an_onnx_file_is_predicted_with_and_evaluated(output: str, tmp_path: Path) -> None:
    model = keras_mixers.ConvMixer(8, 1, 2, 3, input_shape=(8, 8, 1), classes=10)
    model.get_layer("head").bias.assign(np.arange(10) / 4)
    model.save(tmp_path / "a.keras")
    export_onnx(with_output(model, output), tmp_path / "a.onnx")
    pixels = np.random.default_rng(0).integers(0, 256, (9, 9), "uint8")
    Image.fromarray(pixels).save(tmp_path / "a.png")
    found, expected = (
        shares(tmp_path / f"a.{end}", tmp_path / "a.png") for end in ("onnx", "keras")
    )
    assert list(found) == list(expected)
    # JSON has all digits of float32.
    both = (np.float32([*each.values()]) for each in (found, expected))
    assert_close(*both, roundings_in(model.weights))
    top1 = [
        json.loads(run("evaluate", tmp_path / name, "--data", "digits", "--json").stdout)["top1"]
        for name in ("a.onnx", "a.keras")
    ]
    assert top1[0] == pytest.approx(top1[1], abs=1 / 364)


def test_a_damaged_onnx_file_is_told(tmp_path: Path) -> None:
    (tmp_path / "a.onnx").write_bytes(b"no graph")
    message = failure(run("predict", tmp_path / "a.onnx", "a.png"))
    assert "a.onnx can't be loaded as an ONNX file (" in message
