import keras
import numpy as np
import pytest
import tensorflow as tf
from ai_edge_litert.interpreter import Interpreter

import keras_mixers
from hub_export import tflite
from hub_export.tflite import custom_operators, export_tflite, write_tflite
from tests.hub_export.test_saved_model import MODELS, SHAPE, conv_mixer, perturb


@keras.saving.register_keras_serializable(package="tests")
class TensorFlowPatches(keras.layers.Layer):
    """A layer that only TensorFlow's own kernels can compute."""

    def call(self, inputs):
        sizes = [1, 2, 2, 1]
        return tf.image.extract_patches(inputs, sizes, sizes, [1, 1, 1, 1], "VALID")


def model_of_foreign_operators():
    return keras.Sequential([keras.Input((8, 8, 1)), TensorFlowPatches()], name="foreign")


@pytest.mark.parametrize("family", MODELS)
def test_file_predicts_what_the_model_predicts(family, tmp_path):
    model = MODELS[family]()
    perturb(model)
    write_tflite(model, tmp_path / "model.tflite")
    interpreter = Interpreter(str(tmp_path / "model.tflite"))
    (entry,), (output,) = interpreter.get_input_details(), interpreter.get_output_details()
    assert (entry["dtype"], output["dtype"]) == (np.float32, np.float32)
    assert entry["shape_signature"].tolist() == [1, *SHAPE]
    runner = interpreter.get_signature_runner()
    pixels = 255 * np.random.default_rng(0).random((3, *SHAPE), dtype="float32")
    found = [runner(images=image[np.newaxis])["output_0"][0] for image in pixels]
    np.testing.assert_allclose(found, model(pixels), atol=1e-5)
    assert custom_operators((tmp_path / "model.tflite").read_bytes()) == []


def test_conv_mixer_file_takes_any_size(tmp_path):
    model = conv_mixer(input_shape=(None, None, 3))
    write_tflite(model, tmp_path / "model.tflite")
    runner = Interpreter(str(tmp_path / "model.tflite")).get_signature_runner()
    for shape in ((1, 32, 32, 3), (1, 20, 44, 3)):
        pixels = 255 * np.random.default_rng(0).random(shape, dtype="float32")
        np.testing.assert_allclose(runner(images=pixels)["output_0"], model(pixels), atol=1e-5)


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
    monkeypatch.setattr(tflite, "_convert", lambda model: content)
    with pytest.raises(ValueError, match="part of the model 'convmixer_8_2': ExtractImagePatches"):
        export_tflite(conv_mixer(), tmp_path / "model.tflite")
    assert not (tmp_path / "model.tflite").exists()


@pytest.mark.parametrize("policy", ["mixed_float16", "mixed_bfloat16"])
def test_half_precision_is_refused(policy, tmp_path):
    keras.config.set_dtype_policy(policy)
    half = policy.removeprefix("mixed_")
    with pytest.raises(ValueError, match=f"'patch_embed' computes in {half}; build the model"):
        export_tflite(conv_mixer(), tmp_path / "model.tflite")


def test_other_backends_are_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(keras.backend, "backend", lambda: "jax")
    with pytest.raises(ValueError, match="received the backend 'jax'"):
        export_tflite(conv_mixer(), tmp_path / "model.tflite")


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
