"""Exports of the models to other formats."""

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from hub_export.archive import write_archive as write_archive
    from hub_export.hub import export_hub as export_hub
    from hub_export.hub_layer import HubLayer as HubLayer
    from hub_export.onnx import export_onnx as export_onnx
    from hub_export.openvino import export_openvino as export_openvino
    from hub_export.saved_model import export_saved_model as export_saved_model
    from hub_export.tflite import export_tflite as export_tflite
    from hub_export.verification import verify as verify

_PLACES = {
    "HubLayer": "hub_layer",
    "export_hub": "hub",
    "export_onnx": "onnx",
    "export_openvino": "openvino",
    "export_saved_model": "saved_model",
    "export_tflite": "tflite",
    "verify": "verification",
    "write_archive": "archive",
}


def __getattr__(name: str) -> object:
    # Loaded on demand: `hub_export.files` alone needs neither TensorFlow nor the extra packages.
    if name not in _PLACES:
        raise AttributeError(f"module 'hub_export' has no attribute {name!r}")
    return getattr(importlib.import_module(f"hub_export.{_PLACES[name]}"), name)
