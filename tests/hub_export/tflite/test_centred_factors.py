import keras
import numpy as np
import pytest
from ai_edge_litert.interpreter import Interpreter, OpResolverType
from keras import ops

from hub_export.tflite.calibration import MIN_IMAGES
from hub_export.tflite.convert import convert
from hub_export.tflite.export import write_tflite
from hub_export.tflite.flatbuffer_edits import with_centred_factors
from hub_export.verification.tflite_file import float_tensors
from keras_mixers import T2TViT
from tests.backends.compute import set_weights

SHAPE = (1, 24, 16)


def network():
    """Return a model of two products that share their second factor, which is never negative."""
    tokens = keras.Input(SHAPE[1:], name="tokens")
    factor = keras.layers.Dense(24, activation="relu")(tokens)
    product = ops.matmul(keras.layers.Dense(24)(tokens), factor)
    model = keras.Model(tokens, keras.layers.Dense(4)(ops.matmul(product, factor)))
    set_weights(model, np.random.default_rng(0))
    return model


@pytest.fixture(scope="module")
def tokens():
    return np.random.default_rng(1).normal(size=(32, *SHAPE[1:])).astype("float32")


@pytest.fixture(scope="module")
def model():
    return network()


@pytest.fixture(scope="module")
def files(model, tokens):
    """Return the file that the converter gives, and the same with centred factors."""
    content = convert(model, SHAPE, "numbers", "int8", "float32", tokens)
    return content, with_centred_factors(content)


def operators(content, resolver=OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES):
    """Return a file's operators, and its tensors' details."""
    interpreter = Interpreter(model_content=content, experimental_op_resolver_type=resolver)
    interpreter.allocate_tensors()
    tensors = {tensor["index"]: tensor for tensor in interpreter.get_tensor_details()}
    return interpreter._get_ops_details(), tensors


def second_factors(content):
    found, tensors = operators(content)
    return [tensors[op["inputs"][1]] for op in found if op["op_name"] == "BATCH_MATMUL"]


def numbers(content, tokens):
    runner = Interpreter(model_content=content).get_signature_runner()
    return np.concatenate([runner(images=x[None])["numbers"] for x in tokens])


def test_second_factors_have_their_zero_in_the_middle(files):
    before, after = (second_factors(content) for content in files)
    assert len(before) == len(after) == 2
    assert all(tensor["quantization"][1] == -128 for tensor in before)
    assert all(tensor["quantization"][1] == 0 for tensor in after)
    assert all(tensor["dtype"] == np.int8 for tensor in after)
    for old, new in zip(before, after, strict=True):
        (scale, zero), (wide, _) = old["quantization"], new["quantization"]
        lowest, highest = scale * (-128 - zero), scale * (127 - zero)
        # It holds all numbers of the old one, and is no wider than it must be.
        assert wide == pytest.approx(max(-lowest / 128, highest / 127))


def test_a_factor_of_two_products_is_rounded_once(files):
    before, after = (operators(content)[0] for content in files)
    assert len(after) == len(before) + 1
    assert len({tensor["index"] for tensor in second_factors(files[1])}) == 1


def test_xnnpack_computes_the_products(files):
    # Each product that it leaves to others parts the graph.
    parts = [
        sum(op["op_name"] == "DELEGATE" for op in operators(content, OpResolverType.AUTO)[0])
        for content in files
    ]
    assert parts[0] > parts[1] == 1


def test_the_file_computes_the_same(files, model, tokens):
    wanted = np.asarray(model(tokens))
    before, after = (np.abs(numbers(content, tokens) - wanted).mean() for content in files)
    assert after < 0.05 * np.abs(wanted).mean()
    assert after < 2 * before  # Half of the factor's range is not used.


def test_no_number_becomes_floating(files):
    assert float_tensors(files[1]) == []


def test_files_of_floats_are_left_as_they_are(model, tokens):
    content = convert(model, SHAPE, "numbers", "dynamic", "float32", None)
    found = with_centred_factors(content)
    assert len(operators(found)[0]) == len(operators(content)[0])
    np.testing.assert_array_equal(numbers(found, tokens), numbers(content, tokens))


def test_exported_attention_has_centred_factors(tmp_path):
    shape = (32, 32, 3)
    model = T2TViT(16, 1, num_heads=2, token_mixer="transformer", input_shape=shape, classes=5)
    set_weights(model, np.random.default_rng(0))
    images = np.random.default_rng(0).integers(0, 256, (MIN_IMAGES, *shape), "uint8")
    write_tflite(model, tmp_path / "model.tflite", "int8", images)
    factors = second_factors((tmp_path / "model.tflite").read_bytes())
    # Two token transformers and a block, of two products each.
    assert [tensor["quantization"][1] for tensor in factors] == [0] * 6
