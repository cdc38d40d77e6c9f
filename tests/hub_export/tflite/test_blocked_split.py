"""`BlockedSoftSplit` cuts the same patches, in operators that XNNPACK has."""

import keras
import numpy as np
import pytest
from ai_edge_litert.interpreter import Interpreter
from hypothesis import assume, given
from hypothesis import strategies as st

from hub_export.tflite.convert import convert
from hub_export.tflite.fast_layers import BlockedSoftSplit, with_fast_layers
from keras_mixers.layers import SoftSplit
from tests.helpers.tiny_models import build


@given(
    kernel_size=st.integers(1, 8),
    stride=st.integers(1, 5),
    padding=st.integers(0, 3),
    height=st.integers(1, 14),
    width=st.integers(1, 14),
)
def test_patches_are_the_same(kernel_size, stride, padding, height, width):
    assume(min(height, width) + 2 * padding >= kernel_size)
    x = np.random.default_rng(0).normal(size=(2, height, width, 3)).astype("float32")
    expected = SoftSplit(kernel_size, stride, padding)(x)
    found = BlockedSoftSplit(kernel_size, stride, padding)(x)
    np.testing.assert_array_equal(found, expected)


def test_maps_of_any_size_are_cut_as_before():
    images = keras.Input((None, 20, 3))
    model = keras.Model(images, BlockedSoftSplit(3, 2, 1)(images))
    x = np.random.default_rng(0).normal(size=(2, 11, 20, 3)).astype("float32")
    np.testing.assert_array_equal(model(x), SoftSplit(3, 2, 1)(x))


@pytest.mark.parametrize(
    ("mode", "kind"),
    [("none", BlockedSoftSplit), ("int8", BlockedSoftSplit), ("int16x8", SoftSplit)],
)
def test_the_splits_of_a_model_are_rewritten(mode, kind):
    rewritten = with_fast_layers(build("t2t_vit_performer"), mode)
    splits = [layer for layer in rewritten.layers if isinstance(layer, SoftSplit)]
    assert [type(split) for split in splits] == [kind] * 3


@pytest.mark.parametrize(("kernel_size", "stride", "padding"), [(7, 4, 2), (3, 2, 1)])
def test_xnnpack_computes_all_of_it(kernel_size, stride, padding):
    images = keras.Input((16, 24, 3))
    model = keras.Model(images, BlockedSoftSplit(kernel_size, stride, padding)(2 * images))
    content = convert(model, (1, 16, 24, 3), "patches", "none", "float32", None)
    interpreter = Interpreter(model_content=content)
    interpreter.allocate_tensors()
    # Each operator that it leaves to others parts the graph.
    operators = interpreter._get_ops_details()
    assert sum(operator["op_name"] == "DELEGATE" for operator in operators) == 1
