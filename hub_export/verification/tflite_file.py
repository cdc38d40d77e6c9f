"""Reads from a TFLite file which operators it has and how it is quantised."""

from collections.abc import Iterator
from pathlib import Path
from typing import Literal

from tensorflow.lite.python import schema_py_generated as schema

# The types of a file's numbers; see `export_tflite`.
Quantize = Literal["none", "float16", "dynamic", "int8", "int16x8"]
_FLOATS = (schema.TensorType.FLOAT16, schema.TensorType.FLOAT32, schema.TensorType.FLOAT64)


def custom_operators(content: bytes) -> list[str]:
    """Return the names of a TFLite file's operators that aren't built into TFLite."""
    file = schema.Model.GetRootAs(content, 0)
    codes = [file.OperatorCodes(i) for i in range(file.OperatorCodesLength())]
    return [
        code.CustomCode().decode()
        for code in codes
        if code.BuiltinCode() == schema.BuiltinOperator.CUSTOM
    ]


def float_tensors(content: bytes) -> list[str]:
    """Return the names of a TFLite file's floating-point tensors, except its inputs and outputs."""
    file = schema.Model.GetRootAs(content, 0)
    names = []
    for i in range(file.SubgraphsLength()):
        graph = file.Subgraphs(i)
        outside = {*graph.InputsAsNumpy().tolist(), *graph.OutputsAsNumpy().tolist()}
        names += [
            graph.Tensors(j).Name().decode()
            for j in range(graph.TensorsLength())
            if j not in outside and graph.Tensors(j).Type() in _FLOATS
        ]
    return names


def detect_quantization(content: bytes) -> Quantize:
    """Return how a TFLite file is quantised, judged by the types of its weights and activations.

    >>> import keras_mixers, pathlib, tempfile
    >>> from hub_export.tflite.export import write_tflite
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = pathlib.Path(folder, "mixer.tflite")
    ...     write_tflite(keras_mixers.MLPMixer(8, 1, input_shape=(32, 32, 3)), path, "float16")
    ...     detect_quantization(path.read_bytes())
    'float16'
    """
    file = schema.Model.GetRootAs(content, 0)
    tensors = list(_iterate_tensors(file))
    activations = {tensor.Type() for tensor, constant in tensors if not constant}
    weights = {tensor.Type() for tensor, constant in tensors if constant}
    if schema.TensorType.INT16 in activations:
        return "int16x8"
    if schema.TensorType.INT8 in activations:
        return "int8"
    if schema.TensorType.INT8 in weights:
        return "dynamic"
    return "float16" if schema.TensorType.FLOAT16 in weights else "none"


def quantization_and_input_shape(path: Path) -> tuple[Quantize, tuple[int | None, ...]]:
    """Return how a TFLite file is quantised, and the shape (H, W, C) of its images, None for any.

    Raises:
        ValueError: If the file is damaged or isn't a TFLite file.
    """
    content = path.read_bytes()
    if content[4:8] != b"TFL3":
        raise ValueError(f"{path} is not a TFLite file.")
    try:
        graph = schema.Model.GetRootAs(content, 0).Subgraphs(0)
        tensor = graph.Tensors(graph.Inputs(0))
        sizes = tensor.ShapeAsNumpy() if tensor.ShapeSignatureIsNone() else None
        sizes = (tensor.ShapeSignatureAsNumpy() if sizes is None else sizes).tolist()
        return detect_quantization(content), tuple(None if s < 0 else s for s in sizes[1:])
    except Exception as error:  # A damaged file may cause any error.
        raise ValueError(f"{path} is damaged ({error}).") from None


def _iterate_tensors(file: schema.Model) -> Iterator[tuple[schema.Tensor, bool]]:
    """Yield each tensor of a file, and whether it is constant."""
    most = len(file._tab.Bytes) // 4  # An item has 4 bytes; a damaged file claims billions.
    for i in range(min(file.SubgraphsLength(), most)):
        graph = file.Subgraphs(i)
        for j in range(min(graph.TensorsLength(), most)):
            tensor = graph.Tensors(j)
            yield tensor, file.Buffers(tensor.Buffer()).DataLength() > 0
