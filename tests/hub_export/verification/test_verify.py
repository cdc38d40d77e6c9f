import os
import subprocess
import sys

import keras
import numpy as np
import pytest
from PIL import Image

from hub_export.archive import write_archive
from hub_export.saved_model.export import export_saved_model
from hub_export.tflite.export import write_tflite
from hub_export.verification import verify as verify_module
from hub_export.verification.verify import verify
from tests.helpers.export_models import MODELS, conv_mixer, perturb, perturbed

CLASSIFIER = {
    "call",
    "features",
    "serving_default:logits",
    "serving_default:probabilities",
    "image_classification:default",
    "feature_vector:default",
}


@pytest.fixture
def conv(exports):
    return exports["ConvMixer"]


def test_every_output_of_a_saved_model_is_compared(exported):
    verification = verify(exported.path, exported.model)
    assert verification.passed
    assert verification.images == 8
    assert {check.output for check in verification.checks} == CLASSIFIER
    assert {check.tolerance for check in verification.checks} == {1e-5}
    agreements = {check.output: check.agreement for check in verification.checks}
    assert agreements["call"] == 1
    assert agreements["features"] is None


@pytest.mark.parametrize("kind", ["saved_model", "tflite"])
def test_exports_run_in_a_new_process(kind, conv, new_process, tmp_path, monkeypatch):
    """Which takes its modules from where they are installed, not from the current folder."""
    (tmp_path / "numpy.py").write_text("raise SystemExit('the wrong numpy')")
    monkeypatch.chdir(tmp_path)
    path = conv.path
    if kind == "tflite":
        path = tmp_path / "model.tflite"
        write_tflite(conv.model, path)
    assert verify(path, conv.model).passed


def test_the_new_process_ends_with_the_one_that_started_it(tmp_path):
    files = [tmp_path / name for name in ("a.tflite", "in.npy", "out.npz")]
    write_tflite(conv_mixer(), files[0])
    os.mkfifo(files[1])
    command = [sys.executable, "-P", "-m", "hub_export.verification.worker", *map(str, files)]
    with (
        subprocess.Popen(command, stdin=subprocess.PIPE) as worker,
        files[1].open("wb"),  # As soon as the worker reads it, and waits for its content.
    ):
        assert worker.poll() is None
        worker.stdin.close()
        assert worker.wait() == 1


def test_damaged_export_is_told_in_one_line(conv, new_process, tmp_path):
    (tmp_path / "saved_model.pb").write_bytes(b"\xff\xff")
    message = r"can't be loaded as a SavedModel \(Cannot parse file .*\)\.$"
    with pytest.raises(ValueError, match=message):
        verify(tmp_path, conv.model)
    message = r"can't be loaded and run \(OSError: Cannot parse file .*\)\.$"
    with pytest.raises(ValueError, match=message):  # Found where it is loaded, not before.
        verify(tmp_path, conv.model, trust=True)


def test_features_are_compared_alone_where_there_is_no_head(exports):
    features = exports["features"]
    verification = verify(features.path, features.model)
    assert {check.output for check in verification.checks} == {
        "call",
        "serving_default:default",
        "feature_vector:default",
    }


def test_another_model_is_found_out(conv):
    other = conv_mixer()
    verification = verify(conv.path, other)
    assert not verification.passed
    assert verification.fault.startswith("ConvMixer doesn't match the model: call differs by ")
    assert "expected at most 1e-05" in verification.fault


def test_another_number_of_classes_is_found_out(conv):
    checks = {check.output: check for check in verify(conv.path, conv_mixer(classes=3)).checks}
    assert checks["call"].difference == float("inf")


def test_one_wrong_weight_in_a_tflite_file_is_found_out(tmp_path):
    model = perturbed("ConvMixer")
    write_tflite(model, tmp_path / "model.tflite")
    assert verify(tmp_path / "model.tflite", model).passed
    kernel = model.get_layer("block_0").pointwise.kernel
    kernel.assign(np.where(np.arange(64).reshape(1, 1, 8, 8) == 0, kernel + 0.1, kernel))
    assert not verify(tmp_path / "model.tflite", model).passed


def test_export_that_fails_is_not_left_behind(tmp_path, monkeypatch):
    monkeypatch.setattr(verify_module, "PRECISION_TOLERANCES", {"float32": -1.0})
    with pytest.raises(ValueError, match=r"doesn't match the model: call differs by .*Nothing was"):
        export_saved_model(conv_mixer(), tmp_path / "model")
    assert list(tmp_path.iterdir()) == []


def test_archive_is_unpacked_and_its_checksum_checked(conv, tmp_path):
    model, path = conv.model, conv.path
    archive = tmp_path / "model.tar.gz"
    write_archive(path, archive)
    assert verify(archive, model).passed
    content = bytearray(archive.read_bytes())
    content[len(content) // 2] ^= 1
    archive.write_bytes(content)
    with pytest.raises(ValueError, match=r"is damaged: its sha256 is not the one in model\.tar"):
        verify(archive, model)
    (tmp_path / "model.tar.gz.sha256").unlink()
    archive.write_bytes(content[: len(content) // 2])
    with pytest.raises(ValueError, match="can't be unpacked"):
        verify(archive, model)


def test_what_is_no_export_is_refused(conv, tmp_path):
    model = conv.model
    with pytest.raises(FileNotFoundError, match="There is no export"):
        verify(tmp_path / "nowhere", model)
    (tmp_path / "a.zip").touch()
    for name in ("a.zip", "."):
        with pytest.raises(ValueError, match=r"is not an export; expected a folder with a file"):
            verify(tmp_path / name, model)


def test_data_may_be_a_folder_or_pixels(conv, tmp_path):
    model, path = conv.model, conv.path
    random = np.random.default_rng(0)
    for i in range(3):
        pixels = random.integers(0, 256, (40, 50, 3), "uint8")
        Image.fromarray(pixels).save(tmp_path / f"{i}.png")
    assert verify(path, model, tmp_path).images == 3
    assert verify(path, model, random.integers(0, 256, (10, 32, 32, 3))).images == 10


@pytest.mark.parametrize(
    ("data", "error", "message"),
    [
        (np.zeros((2, 8, 8, 3)), ValueError, r"shape \(None, 32, 32, 3\); received \(2, 8, 8"),
        (np.zeros((32, 32, 3)), ValueError, r"must have shape .*; received \(32, 32, 3\)"),
        (np.zeros((0, 32, 32, 3)), ValueError, r"received \(0, 32, 32, 3\)"),
        (np.full((1, 32, 32, 3), 300.0), ValueError, r"pixels in \[0, 255\]; received 300 to 300"),
        ("nowhere", FileNotFoundError, "There is no folder of images 'nowhere'"),
    ],
)
def test_data_that_does_not_fit_is_refused(conv, data, error, message):
    with pytest.raises(error, match=message):
        verify(conv.path, conv.model, data)


def test_folder_without_images_is_refused(conv, tmp_path):
    with pytest.raises(FileNotFoundError, match=r"There is no image in .*expected files that end"):
        verify(conv.path, conv.model, tmp_path)


def test_folder_of_broken_images_is_refused(conv, tmp_path):
    (tmp_path / "photo.heic").write_bytes(b"no image")
    with pytest.raises(ValueError, match=r"None of 1 images can be read: .*photo\.heic is not an"):
        verify(conv.path, conv.model, tmp_path)


@pytest.mark.parametrize("channels", [1, 2, 3])
def test_photographs_fit_any_channels(channels):
    model = conv_mixer(input_shape=(None, None, channels))
    pixels = verify_module.comparison_pixels(model, None)
    assert (pixels.shape, pixels.dtype) == ((8, 224, 224, channels), np.uint8)
    assert pixels.std() > 30


@pytest.mark.parametrize(
    "policy",
    [
        "mixed_float16",
        pytest.param("mixed_bfloat16", marks=[pytest.mark.slow, pytest.mark.bfloat16]),
    ],
)
def test_half_precision_has_its_own_tolerance(policy, tmp_path):
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy(policy)
    try:
        model, other = MODELS["MLPMixer"](), MODELS["MLPMixer"]()
    finally:
        keras.config.set_dtype_policy(before)
    perturb(model)
    verification = export_saved_model(model, tmp_path / "model")
    assert {check.tolerance for check in verification.checks} == {
        verify_module.PRECISION_TOLERANCES[policy.removeprefix("mixed_")]
    }
    assert not verify(tmp_path / "model", other).passed
