"""`export_onnx`: files that onnxruntime loads and that predict what the model predicts."""

import keras
import numpy as np
import pytest

import keras_mixers
from hub_export.onnx import export_onnx
from hub_export.verification import verify
from tests.backends.compute import model_and_images
from tests.models.tiny import BUILDERS, build

pytestmark = pytest.mark.portable


def run(path, images):
    import onnxruntime  # Of the extra `onnx`: this file is collected without it.

    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    return session.run(["output_0"], {"images": images})[0]


@pytest.mark.parametrize("name", BUILDERS)
def test_file_predicts_what_the_model_predicts_for_any_batch(name, tmp_path):
    model, images = model_and_images(name)
    verification = export_onnx(model, tmp_path / "model.onnx")
    assert [check.output for check in verification.checks] == ["output_0"]
    assert verification.passed
    assert verification.images == 8
    expected = model.predict(images, verbose=0)
    assert np.ptp(expected, axis=0).max() > 0.05  # The output depends on the image.
    for batch in (1, 4):
        found = run(tmp_path / "model.onnx", images[:batch])
        np.testing.assert_allclose(found, expected[:batch], rtol=0, atol=1e-5)
    assert [entry.name for entry in tmp_path.iterdir()] == ["model.onnx"]


def test_conv_mixer_file_takes_any_size(tmp_path):
    model = build("conv_mixer", input_shape=(None, None, 3))
    export_onnx(model, tmp_path / "model.onnx")
    for shape in ((1, 32, 32, 3), (2, 20, 44, 3)):
        images = 255 * np.random.default_rng(0).random(shape, dtype="float32")
        np.testing.assert_allclose(run(tmp_path / "model.onnx", images), model(images), atol=1e-5)


def test_another_model_is_told_apart(tmp_path):
    model, _ = model_and_images("mlp_mixer")
    export_onnx(model, tmp_path / "model.onnx")
    assert verify(tmp_path / "model.onnx", model).passed
    model.get_layer("head").bias.assign_add([1.0, 0, 0, 0, 0])
    verification = verify(tmp_path / "model.onnx", model)
    assert not verification.passed
    assert "model.onnx is not the model: output_0 differs by" in verification.fault


@keras.saving.register_keras_serializable(package="tests")
def erfc_gelu(x):
    return keras.ops.gelu(x, approximate=False)


def test_operators_that_onnx_lacks_are_refused_by_name(tmp_path):
    model = keras_mixers.ConvMixer(8, 1, activation=erfc_gelu, input_shape=(32, 32, 3))
    with pytest.raises(ValueError, match="part of the model 'convmixer_8_1': Erfc"):
        export_onnx(model, tmp_path / "model.onnx")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("policy", ["mixed_float16", "mixed_bfloat16"])
def test_half_precision_is_converted_in_float32(policy, tmp_path):
    keras.config.set_dtype_policy(policy)
    model, images = model_and_images("mlp_mixer")
    assert export_onnx(model, tmp_path / "model.onnx").passed
    keras.config.set_dtype_policy("float32")
    expected = model_and_images("mlp_mixer")[0](images)
    np.testing.assert_allclose(run(tmp_path / "model.onnx", images), expected, rtol=0, atol=1e-5)


def test_other_endings_and_existing_files_are_refused(tmp_path):
    with pytest.raises(ValueError, match=r"ends with '.onnx'; received 'model.pb'"):
        export_onnx(build("conv_mixer"), tmp_path / "model.pb")
    (tmp_path / "model.onnx").write_text("mine")
    with pytest.raises(FileExistsError, match="exists; pass overwrite=True"):
        export_onnx(build("conv_mixer"), tmp_path / "model.onnx")
    assert (tmp_path / "model.onnx").read_text() == "mine"
    assert export_onnx(build("conv_mixer"), tmp_path / "model.onnx", overwrite=True).passed
    assert [entry.name for entry in tmp_path.iterdir()] == ["model.onnx"]


def test_a_damaged_file_is_told_in_one_line(tmp_path):
    (tmp_path / "model.onnx").write_text("none")
    with pytest.raises(ValueError, match=r"model\.onnx can't be loaded and run") as error:
        verify(tmp_path / "model.onnx", build("conv_mixer"))
    assert "\n" not in str(error.value)
