"""Tells what the numbers are that a TFLite or ONNX file returns: its output's name doesn't say."""

from typing import Any

from tensorflow.lite.python import schema_py_generated as schema

_TFLITE = schema.BuiltinOperator
_TFLITE_PROBABILITIES = (_TFLITE.SOFTMAX, _TFLITE.LOGISTIC)
_TFLITE_SAME = (_TFLITE.QUANTIZE, _TFLITE.DEQUANTIZE, _TFLITE.CAST)
_ONNX_PROBABILITIES = ("Softmax", "Sigmoid")
_ONNX_SAME = ("Cast", "Identity")


def tflite_gives_probabilities(content: bytes) -> bool:
    """Tell whether the output of a TFLite file comes from a softmax or a sigmoid.

    >>> import keras_mixers, pathlib, tempfile
    >>> from hub_export.tflite.export import write_tflite
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = pathlib.Path(folder, "mixer.tflite")
    ...     write_tflite(keras_mixers.MLPMixer(8, 1, input_shape=(32, 32, 3)), path)
    ...     tflite_gives_probabilities(path.read_bytes())
    True
    """
    file = schema.Model.GetRootAs(content, 0)
    graph = file.Subgraphs(0)
    tensor = graph.Outputs(0)
    for i in reversed(range(graph.OperatorsLength())):
        operator = graph.Operators(i)
        if tensor not in operator.OutputsAsNumpy():
            continue
        kind = file.OperatorCodes(operator.OpcodeIndex()).BuiltinCode()
        if kind not in _TFLITE_SAME:
            return kind in _TFLITE_PROBABILITIES
        tensor = operator.Inputs(0)
    return False


def onnx_gives_probabilities(graph: Any) -> bool:
    """Tell whether the output of an ONNX file's graph comes from a softmax or a sigmoid."""
    tensor = graph.output[0].name
    for node in reversed(graph.node):  # They stand in the order in which they are computed.
        if tensor not in node.output:
            continue
        if node.op_type not in _ONNX_SAME:
            return node.op_type in _ONNX_PROBABILITIES
        tensor = node.input[0]
    return False
