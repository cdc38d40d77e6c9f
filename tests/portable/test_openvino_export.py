"""`export_openvino`: folders that openvino loads and that predict what the model predicts."""

import keras
import numpy as np
import pytest

from hub_export.openvino import export_openvino
from hub_export.verification import verify
from tests.backends.compute import model_and_images
from tests.models.tiny import BUILDERS, build

pytestmark = pytest.mark.portable


@keras.saving.register_keras_serializable(package="tests")
class Determinant(keras.layers.Layer):
    """A layer that OpenVINO has no operator for."""

    def call(self, inputs):
        return inputs * keras.ops.det(inputs[:, :2, :2, 0])[:, None, None, None]


def run(path, images):
    import openvino  # Of the extra of that name: this file is collected without it.

    options = {"INFERENCE_PRECISION_HINT": "f32"}
    network = openvino.compile_model(str(path / "model.xml"), "CPU", options)
    return network({"images": images})["output_0"]


@pytest.mark.parametrize("name", BUILDERS)
def test_folder_predicts_what_the_model_predicts_for_any_batch(name, tmp_path):
    model, images = model_and_images(name)
    verification = export_openvino(model, tmp_path / "model")
    assert [check.output for check in verification.checks] == ["output_0"]
    assert verification.passed
    assert verification.images == 8
    expected = model.predict(images, verbose=0)
    assert np.ptp(expected, axis=0).max() > 0.05  # The output depends on the image.
    for batch in (1, 4):
        found = run(tmp_path / "model", images[:batch])
        np.testing.assert_allclose(found, expected[:batch], rtol=0, atol=1e-5)
    files = sorted(path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*"))
    assert files == ["model", "model/model.bin", "model/model.xml"]


def test_conv_mixer_folder_takes_any_size(tmp_path):
    model = build("conv_mixer", input_shape=(None, None, 3))
    export_openvino(model, tmp_path / "model")
    for shape in ((1, 32, 32, 3), (2, 20, 44, 3)):
        images = 255 * np.random.default_rng(0).random(shape, dtype="float32")
        np.testing.assert_allclose(run(tmp_path / "model", images), model(images), atol=1e-5)


def test_another_model_is_told_apart(tmp_path):
    model, _ = model_and_images("mlp_mixer")
    export_openvino(model, tmp_path / "model")
    model.get_layer("head").bias.assign_add([1.0, 0, 0, 0, 0])
    verification = verify(tmp_path / "model", model)
    assert "model is not the model: output_0 differs by" in verification.fault


def test_operators_that_openvino_lacks_are_refused_by_name(tmp_path):
    model = keras.Sequential([keras.Input((8, 8, 3)), Determinant()], name="foreign")
    with pytest.raises(ValueError, match="part of the model 'foreign': MatrixDeterminant"):
        export_openvino(model, tmp_path / "model")
    assert list(tmp_path.iterdir()) == []


def test_half_precision_is_converted_in_float32(tmp_path):
    keras.config.set_dtype_policy("mixed_float16")
    model, images = model_and_images("mlp_mixer")
    assert export_openvino(model, tmp_path / "model").passed
    keras.config.set_dtype_policy("float32")
    expected = model_and_images("mlp_mixer")[0](images)
    np.testing.assert_allclose(run(tmp_path / "model", images), expected, rtol=0, atol=1e-5)


def test_folders_of_other_things_are_never_replaced(tmp_path):
    (tmp_path / "photos").mkdir()
    with pytest.raises(FileExistsError, match=r"no folder with a file 'model\.xml'"):
        export_openvino(build("conv_mixer"), tmp_path / "photos", overwrite=True)
    export_openvino(build("conv_mixer"), tmp_path / "model")
    with pytest.raises(FileExistsError, match="exists; pass overwrite=True"):
        export_openvino(build("conv_mixer"), tmp_path / "model")
    assert export_openvino(build("mlp_mixer"), tmp_path / "model", overwrite=True).passed
    assert sorted(entry.name for entry in tmp_path.iterdir()) == ["model", "photos"]
