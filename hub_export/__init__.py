"""Exports of the models to other formats."""

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from hub_export.archive import write_archive as write_archive
    from hub_export.onnx import export_onnx as export_onnx
    from hub_export.openvino import export_openvino as export_openvino
    from hub_export.publish.hub import export_hub as export_hub
    from hub_export.saved_model.export import export_saved_model as export_saved_model
    from hub_export.saved_model.hub_layer import HubLayer as HubLayer
    from hub_export.tflite.export import export_tflite as export_tflite
    from hub_export.verification.verify import verify as verify

_PLACES = {
    "HubLayer": "saved_model.hub_layer",
    "export_hub": "publish.hub",
    "export_onnx": "onnx",
    "export_openvino": "openvino",
    "export_saved_model": "saved_model.export",
    "export_tflite": "tflite.export",
    "verify": "verification.verify",
    "write_archive": "archive",
}


def __getattr__(name: str) -> object:
    # Loaded on demand: each export needs packages of its own.
    if name not in _PLACES:
        raise AttributeError(f"module 'hub_export' has no attribute {name!r}")
    return getattr(importlib.import_module(f"hub_export.{_PLACES[name]}"), name)
