import numpy as np
import pytest
from ai_edge_litert.interpreter import Interpreter, OpResolverType

from hub_export.tflite.convert import convert
from hub_export.tflite.export import write_with_settings
from hub_export.tflite.flatbuffer_edits import with_float_depthwise
from hub_export.tflite.settings import Settings
from hub_export.verification.comparison import check_output
from hub_export.verification.tflite_tolerances import TFLITE_TOLERANCES
from keras_mixers import ConvMixer
from tests.backends.compute import set_weights
from tests.helpers.export_models import images_up_to_one

SHAPE = (1, 32, 32, 3)


@pytest.fixture(scope="module")
def model():
    model = ConvMixer(64, 1, 4, 5, input_shape=SHAPE[1:], classes=5, classifier_activation=None)
    set_weights(model, np.random.default_rng(0))
    return model


@pytest.fixture(scope="module")
def dynamic(model):
    return convert(model, SHAPE, "logits", "dynamic", "float32", None)


def kernels(content, name):
    """Return the kernels of all operators of a name; no delegate stands in for them."""
    plain = OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES
    interpreter = Interpreter(model_content=content, experimental_op_resolver_type=plain)
    interpreter.resize_tensor_input(interpreter.get_input_details()[0]["index"], SHAPE)
    interpreter.allocate_tensors()
    named = [op for op in interpreter._get_ops_details() if op["op_name"] == name]
    return [interpreter.get_tensor(op["inputs"][1]) for op in named]


def logits(content, images):
    runner = Interpreter(model_content=content).get_signature_runner()
    return np.concatenate([runner(images=image[None])["logits"] for image in images])


def test_depthwise_kernels_become_floats_and_all_others_stay(dynamic):
    changed = with_float_depthwise(dynamic)
    assert [kernel.dtype for kernel in kernels(dynamic, "DEPTHWISE_CONV_2D")] == [np.int8]
    assert [kernel.dtype for kernel in kernels(changed, "DEPTHWISE_CONV_2D")] == [np.float32]
    before, after = (kernels(content, "CONV_2D") for content in (dynamic, changed))
    for old, new in zip(before, after, strict=True):
        assert old.dtype == new.dtype == np.int8
        np.testing.assert_array_equal(old, new)


def test_the_values_are_those_that_the_integers_stood_for(dynamic, model):
    found = kernels(with_float_depthwise(dynamic), "DEPTHWISE_CONV_2D")[0][0]
    wanted = np.asarray(model.get_layer("block_0").depthwise.kernel)[..., 0]
    step = np.abs(wanted).max((0, 1)) / 127
    assert np.abs(found - wanted).max() > 0
    assert (np.abs(found - wanted) <= 0.51 * step).all()


def test_the_file_predicts_what_the_model_predicts(dynamic, model):
    images = 255 * images_up_to_one(4)
    expected = np.asarray(model(images))
    found = logits(with_float_depthwise(dynamic), images)
    assert check_output("", found, expected, TFLITE_TOLERANCES["dynamic"], are_scores=True).passed


def test_other_files_are_left_as_they_are(model):
    content = convert(model, SHAPE, "logits", "none", "float32", None)
    images = np.ones((1, *SHAPE[1:]), "float32")
    found = logits(with_float_depthwise(content), images)
    np.testing.assert_array_equal(found, logits(content, images))


@pytest.mark.parametrize(
    ("quantize", "batch", "size"),
    [("dynamic", 1, 32), ("int8", 1, 32), ("none", None, 32), ("none", 1, None)],
)
def test_large_kernels_become_small_ones_and_no_map_is_taken_apart(quantize, batch, size, tmp_path):
    """XNNPACK has code for 25 positions; of unknown sizes the converter takes maps apart."""
    shape = (size, size, 3)
    large = ConvMixer(64, 1, 4, 9, input_shape=shape, classes=5, classifier_activation=None)
    set_weights(large, np.random.default_rng(0))
    images = 255 * np.random.default_rng(1).random((16, 32, 32, 3), dtype="float32")
    data = images if quantize == "int8" else None
    path = tmp_path / "model.tflite"
    write_with_settings(large, Settings(quantize, batch, shape), data, path)
    content = path.read_bytes()
    parts = [kernel[0, ..., 0].size for kernel in kernels(content, "DEPTHWISE_CONV_2D")]
    assert max(parts) <= 25
    assert sum(part for part in parts if part > 1) == 81  # A kernel of 1 is a BatchNorm of int8.
    assert kernels(content, "SPACE_TO_BATCH_ND") == []
