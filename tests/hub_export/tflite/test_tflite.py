import importlib.util

import keras
import numpy as np
import pytest
import tensorflow as tf
from ai_edge_litert.interpreter import Interpreter

import keras_mixers
from hub_export.tflite import export as tflite
from hub_export.tflite.export import export_tflite, write_tflite, write_with_settings
from hub_export.tflite.settings import Settings
from hub_export.verification.tflite_file import custom_operators, detect_quantization
from hub_export.verification.worker import load_export
from tests.helpers.export_models import (
    SHAPE,
    assert_same,
    conv_mixer,
    every_model,
    images_up_to_one,
    perturb,
    perturbed,
)


@keras.saving.register_keras_serializable(package="tests")
class TensorFlowPatches(keras.layers.Layer):
    """A layer that only TensorFlow's own kernels can compute."""

    def call(self, inputs):
        sizes = [1, 2, 2, 1]
        return tf.image.extract_patches(inputs, sizes, sizes, [1, 1, 1, 1], "VALID")


def model_of_foreign_operators():
    return keras.Sequential([keras.Input((8, 8, 1)), TensorFlowPatches()], name="foreign")


@pytest.mark.parametrize("family", every_model)
def test_file_predicts_what_the_model_predicts(family, tmp_path):
    model = perturbed(family)
    write_tflite(model, tmp_path / "model.tflite")
    interpreter = Interpreter(str(tmp_path / "model.tflite"))
    (entry,), (output,) = interpreter.get_input_details(), interpreter.get_output_details()
    assert (entry["dtype"], output["dtype"]) == (np.float32, np.float32)
    assert entry["shape_signature"].tolist() == [1, *SHAPE]
    runner = interpreter.get_signature_runner()
    pixels = 255 * images_up_to_one(3)
    found = [runner(images=image[np.newaxis])["output_0"][0] for image in pixels]
    assert_same(np.stack(found), model(pixels), model)
    assert custom_operators((tmp_path / "model.tflite").read_bytes()) == []


def test_conv_mixer_file_takes_any_size_if_asked(tmp_path):
    model = conv_mixer(input_shape=(None, None, 3))
    perturb(model)
    path = tmp_path / "model.tflite"
    assert export_tflite(model, path, input_shape=(None, None, 3)).passed
    runner = Interpreter(str(path)).get_signature_runner()
    for shape in ((1, 32, 32, 3), (1, 20, 44, 3)):
        pixels = 255 * np.random.default_rng(0).random(shape, dtype="float32")
        assert_same(runner(images=pixels)["output_0"], model(pixels), model)


def test_model_of_any_size_gets_the_size_that_is_asked_for(tmp_path):
    model = conv_mixer(input_shape=(None, None, 3))
    perturb(model)
    assert export_tflite(model, tmp_path / "model.tflite", input_shape=(24, 40, 3)).passed
    (entry,) = Interpreter(str(tmp_path / "model.tflite")).get_input_details()
    assert entry["shape_signature"].tolist() == [1, 24, 40, 3]


@pytest.mark.parametrize(("family", "batch"), [("ConvMixer", 3), ("MLPMixer", None)])
def test_batch_may_be_larger_or_open(family, batch, tmp_path):
    model = perturbed(family)
    path = tmp_path / "model.tflite"
    # Its eight photographs fill batches of three not evenly.
    verification = export_tflite(model, path, batch=batch)
    assert (verification.passed, verification.images) == (True, 8)
    (entry,) = Interpreter(str(path)).get_input_details()
    assert entry["shape_signature"][0] == (batch or -1)


@pytest.mark.parametrize("output", ["logits", "probabilities"])
def test_output_is_the_one_that_is_asked_for(output, tmp_path):
    # The model has the other one.
    model = conv_mixer(classifier_activation="softmax" if output == "logits" else None)
    perturb(model)
    path = tmp_path / "model.tflite"
    check = export_tflite(model, path, output=output).checks[0]
    assert (check.output, check.passed) == (output, True)
    scores = load_export(path)(np.zeros((2, *SHAPE), "uint8"))[output]
    assert np.allclose(scores.sum(-1), 1) == (output == "probabilities")


def test_uint8_images_are_pixels(tmp_path):
    model = perturbed("MLPMixer")
    paths = {kind: tmp_path / f"{kind}.tflite" for kind in ("uint8", "float32")}
    for kind, path in paths.items():
        write_with_settings(model, Settings("dynamic", input_type=kind), None, path)
        (entry,) = Interpreter(str(path)).get_input_details()
        assert entry["dtype"] == np.dtype(kind)
        assert detect_quantization(path.read_bytes()) == "dynamic"
    pixels = np.random.default_rng(0).integers(0, 256, (2, *SHAPE), "uint8")
    found = [load_export(path)(pixels)["output_0"] for path in paths.values()]
    np.testing.assert_array_equal(*found)


@pytest.mark.parametrize(
    "policy",
    [
        "mixed_float16",
        pytest.param("mixed_bfloat16", marks=[pytest.mark.slow, pytest.mark.bfloat16]),
    ],
)
def test_half_precision_is_converted_in_float32(policy, tmp_path):
    keras.config.set_dtype_policy(policy)
    model = conv_mixer()
    perturb(model)
    keras.config.set_dtype_policy("float32")
    assert export_tflite(model, tmp_path / "model.tflite").passed
    other = conv_mixer()
    other.set_weights(model.get_weights())
    pixels = np.random.default_rng(0).integers(0, 256, (2, *SHAPE), "uint8")
    found = load_export(tmp_path / "model.tflite")(pixels)["output_0"]
    assert_same(found, other(pixels.astype("float32")), other)
    assert model.get_layer("block_0").compute_dtype == policy.removeprefix("mixed_")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"quantize": "int4"}, "quantize must be one of 'none', .*; received 'int4'"),
        ({"output": "scores"}, "output must be one of 'probabilities', .*; received 'scores'"),
        ({"input_type": "int8"}, "input_type must be 'float32' or 'uint8'; received 'int8'"),
        ({"batch": 0}, "batch must be a positive integer, or None for any; received 0"),
        ({"input_shape": (16, 16, 3)}, r"of shape \(32, 32, 3\); received .*\(16, 16, 3\)"),
        ({"labels": ["a", "b"]}, "labels"),
        ({"labels": ["a", "b", "c", "d", "e\nf"]}, r"one line of text; received 'e\\nf'"),
        ({"labels": ["a", "b", "c", "d", "\x1b[2J"]}, r"received '\\x1b\[2J'; leave control char"),
        ({"representative_data": "folder"}, "is for quantize='int8' and .*; received 'none'"),
    ],
)
def test_arguments_that_do_not_fit_are_refused(options, message, tmp_path):
    with pytest.raises(ValueError, match=message):
        export_tflite(conv_mixer(), tmp_path / "model.tflite", **options)
    assert list(tmp_path.iterdir()) == []


def test_size_must_be_known(tmp_path):
    with pytest.raises(
        ValueError, match=r"pass input_shape=\(224, 224, 3\) for a file that takes one size"
    ):
        export_tflite(conv_mixer(input_shape=(None, None, 3)), tmp_path / "model.tflite")
    assert list(tmp_path.iterdir()) == []


def test_models_without_classes_or_pixels_are_told_what_to_leave_out(tmp_path):
    path = tmp_path / "model.tflite"
    features = conv_mixer(include_top=False, pooling="avg")
    for options in ({"output": "logits"}, {"labels": ["a"]}):
        with pytest.raises(ValueError, match=r"has no classes; leave the .* out"):
            export_tflite(features, path, **options)
    raw = conv_mixer(include_preprocessing=False)
    with pytest.raises(ValueError, match=r"has no layer 'preprocessing'.*input_type='float32'"):
        export_tflite(raw, path, input_type="uint8")
    assert list(tmp_path.iterdir()) == []
    assert export_tflite(features, path).passed


def test_missing_package_is_named(tmp_path, monkeypatch):
    find = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda name: None if name == "ai_edge_litert" else find(name)
    )
    with pytest.raises(ImportError, match=r"'ai_edge_litert' is not installed: .*\[export\]"):
        export_tflite(conv_mixer(), tmp_path / "model.tflite")
    assert list(tmp_path.iterdir()) == []


def test_model_of_other_operators_is_refused_by_name(tmp_path):
    with pytest.raises(ValueError, match="part of the model 'foreign': ExtractImagePatches"):
        export_tflite(model_of_foreign_operators(), tmp_path / "model.tflite")
    assert list(tmp_path.iterdir()) == []


def test_custom_operators_of_a_file_are_found_and_refused(tmp_path, monkeypatch):
    model_of_foreign_operators().export(tmp_path / "saved", verbose=False)
    converter = tf.lite.TFLiteConverter.from_saved_model(str(tmp_path / "saved"))
    converter.allow_custom_ops = True
    content = converter.convert()
    assert custom_operators(content) == ["ExtractImagePatches"]
    monkeypatch.setattr(tflite, "convert", lambda *_: content)
    with pytest.raises(ValueError, match="part of the model 'convmixer_8_1': ExtractImagePatches"):
        export_tflite(conv_mixer(), tmp_path / "model.tflite")
    assert not (tmp_path / "model.tflite").exists()


def test_other_backends_are_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(keras.backend, "backend", lambda: "jax")
    with pytest.raises(ValueError, match="received the backend 'jax'"):
        export_tflite(conv_mixer(), tmp_path / "model.tflite")


def test_another_ending_is_refused(tmp_path):
    with pytest.raises(ValueError, match=r"must end in '.tflite'; received 'model'"):
        export_tflite(conv_mixer(), tmp_path / "model")


def test_existing_file_is_refused_unless_overwritten(tmp_path):
    path = tmp_path / "model.tflite"
    path.write_text("mine")
    with pytest.raises(FileExistsError, match="exists; pass overwrite=True"):
        export_tflite(conv_mixer(), path)
    assert path.read_text() == "mine"
    export_tflite(conv_mixer(), path, overwrite=True)
    assert path.read_bytes()[4:8] == b"TFL3"
    assert [entry.name for entry in tmp_path.iterdir()] == ["model.tflite"]


def test_a_folder_is_never_replaced_by_a_file(tmp_path):
    (tmp_path / "photos").mkdir()
    with pytest.raises(FileExistsError, match="is a folder; expected a file to replace"):
        export_tflite(keras_mixers.MLPMixer(8, 1), tmp_path / "photos", overwrite=True)
