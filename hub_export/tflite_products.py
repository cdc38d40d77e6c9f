"""Products of two computed matrices in an int8 TFLite file, in the form that XNNPACK computes."""

from copy import copy

import flatbuffers
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
    builder = flatbuffers.Builder(len(content))
    builder.Finish(model.Pack(builder), b"TFL3")
    return bytes(builder.Output())


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
