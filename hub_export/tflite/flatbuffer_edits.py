"""Edits of a converted TFLite file, so that XNNPACK computes more of it."""

from copy import copy

import flatbuffers
import numpy as np
from tensorflow.lite.python import schema_py_generated as schema


def with_centred_factors(content: bytes) -> bytes:
    """Return a TFLite file of int8 in which the second factors of products have 0 as zero point.

    XNNPACK multiplies two computed matrices only if it has nothing to subtract from the second. The
    converter gives each tensor the range that it saw, which is hardly ever even; an attention's
    products are then left to TFLite's own code, which takes more than ten times as long. So that
    factor is rounded once more, to a range that reaches as far to both sides.

    Args:
        content: of the file.
    """
    model = schema.ModelT.InitFromObj(schema.Model.GetRootAs(content, 0))
    kinds = [code.builtinCode for code in model.operatorCodes]
    for graph in model.subgraphs:
        centred: dict[int, int] = {}
        operators = []
        for operator in graph.operators:
            if kinds[operator.opcodeIndex] == schema.BuiltinOperator.BATCH_MATMUL:
                first, factor = (int(i) for i in operator.inputs)
                if factor not in centred and _is_off_centre(graph.tensors[factor]):
                    centred[factor] = len(graph.tensors)
                    graph.tensors.append(_centred(graph.tensors[factor]))
                    rounding = schema.OperatorT()
                    # The file has that operator: its input is rounded too.
                    rounding.opcodeIndex = kinds.index(schema.BuiltinOperator.QUANTIZE)
                    rounding.inputs, rounding.outputs = [factor], [centred[factor]]
                    operators.append(rounding)
                operator.inputs = [first, centred.get(factor, factor)]
            operators.append(operator)
        graph.operators = operators
    return _pack(model, len(content))


def _is_off_centre(tensor: schema.TensorT) -> bool:
    return tensor.type == schema.TensorType.INT8 and tensor.quantization.zeroPoint[0] != 0


def _centred(tensor: schema.TensorT) -> schema.TensorT:
    """Return a tensor like another, with the narrowest range around 0 that holds the other's."""
    scale, zero = tensor.quantization.scale[0], tensor.quantization.zeroPoint[0]
    centred = copy(tensor)
    centred.name = tensor.name + b"/centred"
    centred.quantization = copy(tensor.quantization)
    centred.quantization.scale = [scale * max((zero + 128) / 128, (127 - zero) / 127)]
    centred.quantization.zeroPoint = [0]
    return centred


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
    return _pack(model, len(content))


def _dequantise(kernel: schema.TensorT, buffer: schema.BufferT) -> None:
    """Change a tensor (1, k, k, C) and its buffer, in place; each channel has a scale."""
    values = np.asarray(buffer.data, "uint8").view("int8").reshape(kernel.shape)
    scale = np.asarray(kernel.quantization.scale, "float32")
    buffer.data = (values * scale).view("uint8").reshape(-1)
    kernel.type = schema.TensorType.FLOAT32
    kernel.quantization = None


def _pack(model: schema.ModelT, size: int) -> bytes:
    """Return the content of a TFLite file, of about so many bytes."""
    builder = flatbuffers.Builder(size)
    builder.Finish(model.Pack(builder), b"TFL3")
    return bytes(builder.Output())
