"""`export_onnx` and `export_openvino`: their runtimes predict what the model predicts."""

from collections.abc import Callable
from dataclasses import dataclass
from itertools import product

import keras
import numpy as np
import pytest

import keras_mixers
from hub_export.onnx import export_onnx
from hub_export.openvino import export_openvino
from hub_export.verification.verify import Verification, verify
from tests.backends.compute import model_and_images
from tests.helpers.rounding import assert_close, roundings_in
from tests.helpers.tiny_models import BUILDERS, build
from tests.portable.converters import bounded_axes, onnx_output, openvino_output

pytestmark = pytest.mark.portable


@keras.saving.register_keras_serializable(package="tests")
def erfc_gelu(x):
    """An activation that ONNX has no operator for."""
    return keras.ops.gelu(x, approximate=False)


@keras.saving.register_keras_serializable(package="tests")
class Determinant(keras.layers.Layer):
    """A layer that OpenVINO has no operator for."""

    def call(self, inputs):
        return inputs * keras.ops.det(inputs[:, :2, :2, 0])[:, None, None, None]


@dataclass(frozen=True)
class Format:
    name: str
    files: list[str]
    export: Callable[..., Verification]
    runs: tuple[Callable[..., np.ndarray], ...]
    foreign: Callable[[], keras.Model]
    operator: str

    def exported(self, model, folder, **options):
        """Export a model into a folder; return what was compared."""
        return self.export(model, folder / self.name, **options)


FORMATS = [
    Format(
        "model.onnx",
        ["model.onnx"],
        export_onnx,
        (onnx_output, openvino_output),
        lambda: keras_mixers.ConvMixer(8, 1, activation=erfc_gelu, input_shape=(32, 32, 3)),
        "'convmixer_8_1': Erfc",
    ),
    Format(
        "model",
        ["model", "model/model.bin", "model/model.xml"],
        export_openvino,
        (openvino_output,),
        lambda: keras.Sequential([keras.Input((8, 8, 3)), Determinant()], name="foreign"),
        "'foreign': MatrixDeterminant",
    ),
]


@pytest.fixture(params=FORMATS, ids=["onnx", "openvino"])
def kind(request):
    return request.param


def names_in(folder):
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*"))


@pytest.mark.parametrize("name", BUILDERS)
def test_file_predicts_what_the_model_predicts_for_any_batch(kind, name, tmp_path):
    model, images = model_and_images(name)
    verification = kind.exported(model, tmp_path)
    assert [check.output for check in verification.checks] == ["output_0"]
    assert verification.passed
    assert verification.images == 8
    assert names_in(tmp_path) == kind.files
    assert bounded_axes(tmp_path / kind.name) == []
    expected = model.predict(images, verbose=0)
    assert np.ptp(expected, axis=0).max() > 0.05  # The output depends on the image.
    for run, size, fixed in product(kind.runs, (1, 3), (False, True)):
        found = run(tmp_path / kind.name, images[:size], size if fixed else None)
        assert_close(found, expected[:size], roundings_in(model.weights))


def test_openvino_takes_the_file_of_a_wide_t2t_vit(kind, tmp_path):
    """Its CPU plugin refused this width and others while slices bounded the batch."""
    model = keras_mixers.T2TViT(256, 1, num_heads=4, input_shape=(32, 32, 3), classes=5)
    kind.exported(model, tmp_path)
    images = 255 * np.random.default_rng(0).random((3, 32, 32, 3), dtype="float32")
    found = openvino_output(tmp_path / kind.name, images)
    assert_close(found, model(images), roundings_in(model.weights))


def test_layer_that_keeps_an_axis_whole_is_exported(kind, tmp_path):
    model = keras.Sequential(
        [keras.Input((8, 8, 3)), keras.layers.Cropping2D(0), keras.layers.Rescaling(1.0)]
    )
    kind.exported(model, tmp_path)
    pixels = np.ones((2, 8, 8, 3), "float32")
    for run in kind.runs:
        np.testing.assert_array_equal(run(tmp_path / kind.name, pixels), pixels)


def test_conv_mixer_file_takes_any_size(kind, tmp_path):
    model = build("conv_mixer", input_shape=(None, None, 3))
    kind.exported(model, tmp_path)
    for shape in ((1, 32, 32, 3), (2, 20, 44, 3)):
        images = 255 * np.random.default_rng(0).random(shape, dtype="float32")
        for run in kind.runs:
            found = run(tmp_path / kind.name, images)
            assert_close(found, model(images), roundings_in(model.weights))


def test_another_model_is_told_apart(kind, tmp_path):
    model, _ = model_and_images("mlp_mixer")
    kind.exported(model, tmp_path)
    assert verify(tmp_path / kind.name, model).passed
    model.get_layer("head").bias.assign_add([1.0, 0, 0, 0, 0])
    verification = verify(tmp_path / kind.name, model)
    assert not verification.passed
    assert f"{kind.name} doesn't match the model: output_0 differs by" in verification.fault


def test_operators_that_are_lacking_are_refused_by_name(kind, tmp_path):
    with pytest.raises(ValueError, match=f"part of the model {kind.operator}"):
        kind.exported(kind.foreign(), tmp_path)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("policy", ["mixed_float16", "mixed_bfloat16"])
def test_half_precision_is_converted_in_float32(kind, policy, tmp_path):
    keras.config.set_dtype_policy(policy)
    model, images = model_and_images("mlp_mixer")
    assert kind.exported(model, tmp_path).passed
    keras.config.set_dtype_policy("float32")
    expected = model_and_images("mlp_mixer")[0](images)
    found = kind.runs[0](tmp_path / kind.name, images)
    assert_close(found, expected, roundings_in(model.weights))


def test_existing_exports_are_replaced_only_when_asked(kind, tmp_path):
    kind.exported(build("conv_mixer"), tmp_path)
    with pytest.raises(FileExistsError, match="exists; pass overwrite=True"):
        kind.exported(build("conv_mixer"), tmp_path)
    other = build("mlp_mixer")
    assert kind.exported(other, tmp_path, overwrite=True).passed
    assert verify(tmp_path / kind.name, other).passed
    assert names_in(tmp_path) == kind.files


def test_folders_of_other_things_are_never_replaced(tmp_path):
    (tmp_path / "photos").mkdir()
    with pytest.raises(FileExistsError, match=r"not a folder with a file 'model\.xml'"):
        export_openvino(build("conv_mixer"), tmp_path / "photos", overwrite=True)
    assert names_in(tmp_path) == ["photos"]


def test_other_endings_than_onnx_are_refused(tmp_path):
    with pytest.raises(ValueError, match=r"must end in '.onnx'; received 'model.pb'"):
        export_onnx(build("conv_mixer"), tmp_path / "model.pb")


def test_a_damaged_file_is_told_in_one_line(tmp_path):
    (tmp_path / "model.onnx").write_text("none")
    with pytest.raises(ValueError, match=r"model\.onnx can't be loaded and run") as error:
        verify(tmp_path / "model.onnx", build("conv_mixer"))
    assert "\n" not in str(error.value)
