"""Exports of models to SavedModels, TFLite, ONNX, OpenVINO and web pages, each compared."""

import importlib
import os
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from hub_export.archive import write_archive
    from hub_export.benchmark.measure import compare_runtimes
    from hub_export.onnx import export_onnx
    from hub_export.openvino import export_openvino
    from hub_export.publish.errors import PublishError
    from hub_export.publish.export_kaggle import export_kaggle
    from hub_export.publish.hub import export_hub
    from hub_export.publish.hugging_face import export_hugging_face
    from hub_export.publish.upload_hugging_face import upload_hugging_face
    from hub_export.publish.upload_kaggle import upload_kaggle
    from hub_export.saved_model.export import export_saved_model
    from hub_export.saved_model.hub_layer import HubLayer
    from hub_export.tflite.export import export_tflite
    from hub_export.trust import UntrustedModelError
    from hub_export.verification.verify import verify
    from hub_export.web.export import export_web

# TensorFlow reads it while it is imported. keras_mixers/onednn.py does the same, and warns if it is
# too late; it is not imported here, because it brings TensorFlow along.
if "tensorflow" not in sys.modules:
    os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "1")

__all__ = [
    "HubLayer",
    "PublishError",
    "UntrustedModelError",
    "compare_runtimes",
    "export_hub",
    "export_hugging_face",
    "export_kaggle",
    "export_onnx",
    "export_openvino",
    "export_saved_model",
    "export_tflite",
    "export_web",
    "upload_hugging_face",
    "upload_kaggle",
    "verify",
    "write_archive",
]

# Names are imported when they are first used, because each export needs packages of its own.
_MODULES = {
    "HubLayer": "saved_model.hub_layer",
    "PublishError": "publish.errors",
    "UntrustedModelError": "trust",
    "compare_runtimes": "benchmark.measure",
    "export_hub": "publish.hub",
    "export_hugging_face": "publish.hugging_face",
    "export_kaggle": "publish.export_kaggle",
    "export_onnx": "onnx",
    "export_openvino": "openvino",
    "export_saved_model": "saved_model.export",
    "export_tflite": "tflite.export",
    "export_web": "web.export",
    "upload_hugging_face": "publish.upload_hugging_face",
    "upload_kaggle": "publish.upload_kaggle",
    "verify": "verification.verify",
    "write_archive": "archive",
}


def __getattr__(name: str) -> object:
    if name not in _MODULES:
        raise AttributeError(f"module 'hub_export' has no attribute {name!r}")
    return getattr(importlib.import_module(f"hub_export.{_MODULES[name]}"), name)


def __dir__() -> list[str]:
    return __all__
