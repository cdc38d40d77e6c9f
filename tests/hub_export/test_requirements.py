import importlib.util

import pytest

import keras_mixers
from hub_export.onnx import export_onnx
from hub_export.openvino import export_openvino


@pytest.mark.parametrize(
    ("export", "missing", "extra"),
    [
        (export_onnx, "onnx", "onnx"),
        (export_onnx, "tf2onnx", "onnx"),
        (export_onnx, "onnxruntime", "onnx"),
        (export_openvino, "openvino", "openvino"),
    ],
)
def test_a_missing_package_is_told_with_its_extra(export, missing, extra, tmp_path, monkeypatch):
    found = {"onnx", "tf2onnx", "onnxruntime", "openvino"} - {missing}
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: name in found or None)
    model = keras_mixers.ConvMixer(8, 1, input_shape=(32, 32, 3))
    with pytest.raises(ImportError) as error:
        export(model, tmp_path / "model.onnx")
    assert str(error.value) == (
        f"The package {missing!r} is not installed: pip install 'keras-mixers[{extra}]'."
    )
    assert list(tmp_path.iterdir()) == []
