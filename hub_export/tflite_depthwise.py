"""Depthwise convolutions of a dynamic-range TFLite file, computed in floats again."""

import flatbuffers
import numpy as np
from tensorflow.lite.python import schema_py_generated as schema


def with_float_depthwise(content: bytes) -> bytes:
    """Return a TFLite file whose depthwise kernels of int8 are float32 numbers of the same values.

    Dynamic range quantisation is for matrix products. XNNPACK does not compute depthwise kernels of
    int8 on floating images, and is faster with floats than TFLite's own code with them. They are
    few of a network's weights.

    Args:
        content: of the file.
    """
    model = schema.ModelT.InitFromObj(schema.Model.GetRootAs(content, 0))
    for graph in model.subgraphs:
        kernels = {
            operator.inputs[1]
            for operator in graph.operators
            if model.operatorCodes[operator.opcodeIndex].builtinCode
            == schema.BuiltinOperator.DEPTHWISE_CONV_2D
        }
        for kernel in (graph.tensors[i] for i in kernels):
            if kernel.type == schema.TensorType.INT8:
                _dequantise(kernel, model.buffers[kernel.buffer])
    builder = flatbuffers.Builder(len(content))
    builder.Finish(model.Pack(builder), b"TFL3")
    return bytes(builder.Output())


def _dequantise(kernel: schema.TensorT, buffer: schema.BufferT) -> None:
    """Change a tensor (1, k, k, C) and its buffer, in place; each channel has a scale."""
    values = np.asarray(buffer.data, "uint8").view("int8").reshape(kernel.shape)
    scale = np.asarray(kernel.quantization.scale, "float32")
    buffer.data = (values * scale).view("uint8").reshape(-1)
    kernel.type = schema.TensorType.FLOAT32
    kernel.quantization = None
