"""`keras-mixers export` and `keras-mixers verify`."""

import importlib.util
import json
import shutil
import sys
from collections.abc import Callable, Iterator
from dataclasses import asdict
from pathlib import Path
from types import SimpleNamespace

import keras
import numpy as np
import pytest

from hub_export.archive import write_archive
from hub_export.publish import hub
from hub_export.tflite.export import write_tflite
from hub_export.verification import verify as verification
from hub_export.verification import worker
from hub_export.verification.comparison import Verification
from keras_mixers.atomic_files import own_staging
from keras_mixers.catalogue.preprocessing import Preprocessing
from keras_mixers.inference import load_classifier
from keras_mixers.weights.read import read_checkpoint
from tests.helpers.command_line import failure, run
from tests.helpers.export_models import conv_mixer, perturb
from tests.helpers.hostile_programs import write_file_writer


@pytest.fixture(scope="module", autouse=True)
def _in_this_process() -> Iterator[None]:
    """Run exports here; tests/hub_export covers that they run in a new process."""

    def run_worker(command: list[str], **_options: object) -> SimpleNamespace:
        worker.main(*command[-3:])
        return SimpleNamespace(returncode=0)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(verification, "subprocess", SimpleNamespace(run=run_worker))
        yield


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("run")
    model = conv_mixer(name="mine")
    perturb(model)
    model.save(folder / "model.keras")
    (folder / "labels.txt").write_text("a\nb\nc\nd\ne\n")
    result = {"accuracy": 0.75, "command": "keras-mixers train mine", "dataset": "letters"}
    (folder / "result.json").write_text(json.dumps(result))
    preprocessing = Preprocessing((0.5,) * 3, (0.5,) * 3, 0.75, "bilinear")
    (folder / "preprocessing.json").write_text(json.dumps(asdict(preprocessing)))
    return folder


@pytest.fixture(scope="module")
def exported(trained: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """The folder that `export hub` wrote, and what it printed."""
    out = tmp_path_factory.mktemp("exported") / "hub"
    result = run("export", "hub", trained, out, "--tar", "--licence", "MIT")
    assert result.exit_code == 0, result.output
    return out, result.stdout


def test_hub(exported: tuple[Path, str]) -> None:
    out, printed = exported
    assert "serving_default:logits" in printed
    assert printed.count("ok") == 9
    card = (out / "README.md").read_text()
    assert "Top-1 accuracy: 75.00 %; source: keras-mixers train mine" in card
    assert "input's side divided by 0.75 (bilinear, antialiased)" in card
    assert (out / "classification/assets/labels.txt").read_text() == "a\nb\nc\nd\ne\n"
    for handle in hub.HANDLES:
        metadata = json.loads((out / handle / "assets/metadata.json").read_text())
        assert (metadata["crop"], metadata["interpolation"]) == (0.75, "bilinear")


def test_hub_replaces_an_export_only_if_told(
    trained: Path,
    exported: tuple[Path, str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def write_only(
        write: Callable[[Path], None], model: object, path: Path, **_options: object
    ) -> Verification:
        path.mkdir()
        return Verification(path.name, images=0, checks=())

    out = tmp_path / "hub"
    shutil.copytree(exported[0], out)
    assert "exists; pass" in failure(run("export", "hub", trained, out))
    monkeypatch.setattr(hub, "export_verified", write_only)
    assert run("export", "hub", trained, out, "--overwrite").exit_code == 0
    assert not (out / "classification.tar.gz").exists()


def test_verify_compares_every_part_of_a_folder(
    trained: Path, exported: tuple[Path, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def compare(
        path: Path,
        model: keras.Model,
        data: Path | None,
        labels: list[str],
        facts: dict,
        trust: bool,
    ) -> Verification:
        assert (model.name, data, trust) == ("mine", None, False)
        assert (labels, facts["crop"], facts["dataset"]) == (list("abcde"), 0.75, "letters")
        return Verification(path.name, images=8, checks=())

    monkeypatch.setattr(verification, "verify", compare)
    result = run("verify", exported[0], "--against", trained)
    assert result.exit_code == 0, result.output
    for part in hub.HANDLES:
        assert f"{exported[0] / part}, 8 images" in result.stdout
        assert f"{exported[0] / part}.tar.gz, 8 images" in result.stdout


def test_verify_names_another_model_s_export(exported: tuple[Path, str], tmp_path: Path) -> None:
    other = tmp_path / "other.keras"
    conv_mixer(name="other").save(other)
    result = run("verify", exported[0] / "classification.tar.gz", "--against", other)
    assert result.exit_code == 1
    assert "DIFFERS" in result.stdout
    note, error = result.stderr.splitlines()
    assert note.endswith("is a SavedModel, which is a program; it has only operators that compute.")
    assert error.startswith("error: classification.tar.gz doesn't match the model: call differs")


def test_verify_reads_labels_and_metadata(
    trained: Path, exported: tuple[Path, str], tmp_path: Path
) -> None:
    folder = tmp_path / "classification"
    shutil.copytree(exported[0] / "classification", folder)
    arguments = ("verify", folder, "--against", trained)
    assert run(*arguments).exit_code == 0
    (folder / "assets" / "labels.txt").write_text("b\na\nc\nd\ne\n")
    metadata = json.loads((folder / "assets" / "metadata.json").read_text())
    (folder / "assets" / "metadata.json").write_text(json.dumps({**metadata, "crop": 0.5}))
    result = run(*arguments)
    assert result.exit_code == 1
    told = result.stderr.splitlines()[1:]
    assert told == [
        "error: classification doesn't match the model: labels.txt calls class 0 'b', expected "
        "'a'; metadata.json says crop 0.5, expected 0.75."
    ]
    result = run(*arguments, "--labels", folder / "assets" / "labels.txt")
    assert result.stderr.count("labels.txt") == 0
    assert "metadata.json says crop 0.5" in result.stderr


def test_verify_on_own_images(trained: Path, tmp_path: Path) -> None:
    from PIL import Image

    write_tflite(load_classifier(trained / "model.keras"), tmp_path / "model.tflite")
    (tmp_path / "images").mkdir()
    pixels = np.random.default_rng(0).integers(0, 256, (40, 50, 3), "uint8")
    Image.fromarray(pixels).save(tmp_path / "images/a.png")
    arguments = ("verify", tmp_path / "model.tflite", "--against", trained, "--data")
    result = run(*arguments, tmp_path / "images")
    assert result.exit_code == 0, result.output
    assert "1 image " in result.stdout
    assert "There is no folder of images" in failure(run(*arguments, tmp_path / "nowhere"))


def test_verify_refuses_what_writes_files(trained: Path, tmp_path: Path) -> None:
    write_file_writer(tmp_path / "a", tmp_path / "target")
    write_archive(tmp_path / "a", tmp_path / "a.tar.gz")
    arguments = ("verify", tmp_path / "a.tar.gz", "--against", trained)
    assert "a.tar.gz has operators that may do more than compute: 'WriteFile'; if you" in failure(
        run(*arguments)
    )
    # It takes other images.
    told = f"note: {tmp_path / 'a.tar.gz'} is a SavedModel, which is a program; it is trusted"
    assert run(*arguments, "--trust").stderr.startswith(told)


def test_misuse(trained: Path, tmp_path: Path) -> None:
    out = tmp_path / "hub"
    assert "mixer_b16 needs --weights" in failure(run("export", "hub", "mixer_b16", out), 2)
    assert "did you mean mixer_b16" in failure(run("export", "hub", "mixer_b61", out))
    assert "There is no model" in failure(run("export", "hub", "a.keras", out))
    assert "There is no folder" in failure(run("export", "hub", trained, out / "deeper"))
    # A folder that no user may write into, root neither.
    message = failure(run("export", "hub", trained, "/proc/hub"))
    assert "Nothing can be written into the folder '/proc': " in message
    assert "There is no export" in failure(run("verify", out, "--against", trained))
    assert run("export", "hub", trained).exit_code == 2
    assert run("verify", trained).exit_code == 2
    (tmp_path / "two.txt").write_text("a\nb\n")
    arguments = ("export", "hub", trained, out, "--labels", tmp_path / "two.txt")
    assert "received 2 names for 5 classes" in failure(run(*arguments))
    assert not out.exists()


def test_missing_package_is_named(
    trained: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "sklearn.datasets", None)
    message = failure(run("export", "hub", trained, tmp_path / "hub"))
    assert "The package 'sklearn' is not installed: pip install 'keras-mixers[export]'" in message


def test_tflite(trained: Path, tmp_path: Path) -> None:
    out = tmp_path / "a.tflite"
    message = failure(run("export", "tflite", trained, out, "--quantize", "int8"))
    assert "needs representative_data: at least 16 images" in message
    assert run("export", "tflite", trained, out, "--quantize", "int4").exit_code == 2
    assert not out.exists()
    options = ("--quantize", "dynamic", "--output", "logits", "--input-type", "uint8")
    result = run("export", "tflite", trained, out, *options)
    assert result.exit_code == 0, result.output
    assert "logits" in result.stdout
    assert result.stdout.rstrip().endswith("MB")
    result = run("verify", out, "--against", trained)
    assert result.exit_code == 0, result.output
    assert "exists; pass" in failure(run("export", "tflite", trained, out))


def test_checkpoint(trained: Path, tmp_path: Path) -> None:
    out = tmp_path / "mine.safetensors"
    result = run("export", "checkpoint", trained, out)
    assert result.exit_code == 0, result.output
    model = load_classifier(trained / "model.keras")
    assert result.stdout.splitlines()[-1] == (
        f"{out}: weights of mine, named as by timm; mean (0.485, 0.456, 0.406), "
        "std (0.229, 0.224, 0.225)"
    )
    arrays = read_checkpoint(out)
    np.testing.assert_array_equal(arrays["head.weight"].T, model.get_layer("head").kernel)
    assert "exists; pass overwrite=True" in failure(run("export", "checkpoint", trained, out))
    message = failure(run("export", "checkpoint", trained, tmp_path / "a.npz", "--layout=google"))
    assert "'mine' has no layout 'google'; its files are of 'timm' or 'authors'." in message
    assert "must end in one of" in failure(run("export", "checkpoint", trained, tmp_path / "a.h5"))
    assert run("export", "checkpoint", trained, out, "--layout", "torch").exit_code == 2
    assert [path.name for path in tmp_path.iterdir()] == ["mine.safetensors"]


@pytest.mark.parametrize(("kind", "package"), [("onnx", "onnx"), ("openvino", "openvino")])
def test_formats_of_other_packages(
    kind: str, package: str, trained: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    find_spec = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda name: None if name == package else find_spec(name)
    )
    message = failure(run("export", kind, trained, tmp_path / f"a.{kind}"))
    assert f"The package {package!r} is not installed: pip install 'keras-mixers[{kind}]'" in (
        message
    )
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(("format", "name"), [("hub", "out"), ("tflite", "out.tflite")])
def test_while_another_process_exports_there_nothing_is_written(
    format: str, name: str, trained: Path, tmp_path: Path
) -> None:
    with own_staging(tmp_path / name):
        message = failure(run("export", format, trained, tmp_path / name, "--overwrite"))
        assert message.startswith(f"error: Another process is writing '{tmp_path / name}'; wait")
    assert list(tmp_path.iterdir()) == []
