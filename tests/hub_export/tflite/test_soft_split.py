"""XNNPACK computes soft splits."""

import keras
import pytest
from ai_edge_litert.interpreter import Interpreter

from hub_export.tflite.convert import convert
from keras_mixers.layers import SoftSplit


@pytest.mark.parametrize(("kernel_size", "stride", "padding"), [(7, 4, 2), (3, 2, 1)])
def test_xnnpack_computes_all_of_it(kernel_size, stride, padding):
    images = keras.Input((16, 24, 3))
    model = keras.Model(images, SoftSplit(kernel_size, stride, padding)(2 * images))
    content = convert(model, (1, 16, 24, 3), "patches", "none", "float32", None)
    interpreter = Interpreter(model_content=content)
    interpreter.allocate_tensors()
    # Each operator that it leaves to others parts the graph.
    operators = interpreter._get_ops_details()
    assert sum(operator["op_name"] == "DELEGATE" for operator in operators) == 1
