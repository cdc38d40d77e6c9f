"""Edits converted TFLite files, so that XNNPACK computes more of their operators."""

from copy import copy

import flatbuffers
import numpy as np
from tensorflow.lite.python import schema_py_generated as schema


def with_centred_factors(content: bytes) -> bytes:
    """Return an int8 TFLite file in which the second factor of each matrix product is centred.

    XNNPACK multiplies two activations only if the second one has zero point 0. The converter gives
    each tensor the range of values that it saw, which is hardly ever symmetric, so that TFLite's
    own code computes the products of attention, more than ten times slower. Here the second factor
    is quantised once more, to a range that is symmetric around 0.

    Args:
        content: Content of the file.
    """
    model = unpack_model(content)
    kinds = [code.builtinCode for code in model.operatorCodes]
    for graph in model.subgraphs:
        centred: dict[int, int] = {}
        operators = []
        for operator in graph.operators:
            if kinds[operator.opcodeIndex] == schema.BuiltinOperator.BATCH_MATMUL:
                first, factor = (int(i) for i in operator.inputs)
                if factor not in centred and _is_off_centre(graph.tensors[factor]):
                    centred[factor] = len(graph.tensors)
                    graph.tensors.append(_centred_copy(graph.tensors[factor]))
                    rounding = schema.OperatorT()
                    # Every int8 file has this operator, because its input is quantised too.
                    rounding.opcodeIndex = kinds.index(schema.BuiltinOperator.QUANTIZE)
                    rounding.inputs, rounding.outputs = [factor], [centred[factor]]
                    operators.append(rounding)
                operator.inputs = [first, centred.get(factor, factor)]
            operators.append(operator)
        graph.operators = operators
    return pack_model(model, len(content))


def _is_off_centre(tensor: schema.TensorT) -> bool:
    return tensor.type == schema.TensorType.INT8 and tensor.quantization.zeroPoint[0] != 0


def _centred_copy(tensor: schema.TensorT) -> schema.TensorT:
    """Return a like tensor with the narrowest range around 0 that holds the given one's range."""
    scale, zero = tensor.quantization.scale[0], tensor.quantization.zeroPoint[0]
    centred = copy(tensor)
    centred.name = tensor.name + b"/centred"
    centred.quantization = copy(tensor.quantization)
    centred.quantization.scale = [scale * max((zero + 128) / 128, (127 - zero) / 127)]
    centred.quantization.zeroPoint = [0]
    return centred


def with_float_depthwise(content: bytes) -> bytes:
    """Return a TFLite file whose int8 depthwise kernels are replaced by float32 of the same values.

    Dynamic-range quantisation is meant for matrix products. XNNPACK has no code for int8 depthwise
    kernels with float activations, and its float code is faster than TFLite's own code for them.
    Depthwise kernels are a small part of a network's weights.

    Args:
        content: Content of the file.
    """
    model = unpack_model(content)
    for graph in model.subgraphs:
        kernels = {
            operator.inputs[1]
            for operator in graph.operators
            if model.operatorCodes[operator.opcodeIndex].builtinCode
            == schema.BuiltinOperator.DEPTHWISE_CONV_2D
        }
        for kernel in (graph.tensors[i] for i in kernels):
            if kernel.type == schema.TensorType.INT8:
                _dequantise_kernel(kernel, model.buffers[kernel.buffer])
    return pack_model(model, len(content))


def _dequantise_kernel(kernel: schema.TensorT, buffer: schema.BufferT) -> None:
    """Change a tensor (1, k, k, C) and its buffer in place; each channel has its own scale."""
    values = np.asarray(buffer.data, "uint8").view("int8").reshape(kernel.shape)
    scale = np.asarray(kernel.quantization.scale, "float32")
    buffer.data = (values * scale).view("uint8").reshape(-1)
    kernel.type = schema.TensorType.FLOAT32
    kernel.quantization = None


class _AlignedBuilder(flatbuffers.Builder):
    """Aligns byte vectors, such as the weights, to multiples of 16.

    The schema asks for this alignment, but the Python code that is generated from it ignores that,
    in the converter too. Readers have to copy buffers that aren't aligned.
    """

    def StartVector(self, elemSize: int, numElems: int, alignment: int) -> int:  # noqa: N803
        return super().StartVector(elemSize, numElems, 16 if elemSize == 1 else alignment)


def unpack_model(content: bytes) -> schema.ModelT:
    """Return the content of a TFLite file as objects that can be changed."""
    return schema.ModelT.InitFromObj(schema.Model.GetRootAs(content, 0))


def pack_model(model: schema.ModelT, size: int) -> bytes:
    """Return the content of a TFLite file; `size` is a guess of its number of bytes."""
    builder = _AlignedBuilder(size)
    builder.Finish(model.Pack(builder), file_identifier=b"TFL3")
    return bytes(builder.Output())
