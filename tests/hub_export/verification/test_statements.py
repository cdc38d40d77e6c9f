"""What an export's own files say is compared with what is known about its model."""

import json
import shutil
import zipfile

import pytest

from hub_export.tflite.export import write_tflite
from hub_export.tflite.metadata import FileDescription, with_metadata
from hub_export.verification.statements import differing_statements
from hub_export.verification.verify import verify
from tests.helpers.export_models import LABELS

SWAPPED = ["tench", "ray", "shark", "cock", "hen"]
SAID = "labels.txt calls class 1 'ray', expected 'shark'"
FACTS = {"mean": [0.5, 0.25, 0.1], "crop": 0.9, "accuracy": 0.75, "dataset": "a", "classes": None}


@pytest.fixture
def export(tmp_path):
    """The files beside a SavedModel's graph, which isn't there."""
    (tmp_path / "assets").mkdir()
    (tmp_path / "assets" / "labels.txt").write_text("".join(f"{name}\n" for name in SWAPPED))
    (tmp_path / "assets" / "metadata.json").write_text(json.dumps(FACTS))
    return tmp_path


def test_swapped_names_fail_the_verification_of_every_format(exports, tmp_path):
    model = exports["ConvMixer"].model
    folder, file = tmp_path / "model", tmp_path / "model.tflite"
    shutil.copytree(exports["ConvMixer"].path, folder)
    assert verify(folder, model, labels=LABELS).passed
    (folder / "assets" / "labels.txt").write_text("".join(f"{name}\n" for name in SWAPPED))
    write_tflite(model, file)
    file.write_bytes(
        with_metadata(file.read_bytes(), FileDescription("a", "b", "probabilities", SWAPPED))
    )
    for path in (folder, file):
        verification = verify(path, model, labels=LABELS)
        assert not verification.passed
        assert verification.fault == f"{path.name} doesn't match the model: {SAID}."
        assert verify(path, model, labels=SWAPPED).passed
        assert verify(path, model).passed  # Nobody knows better.


def test_another_normalisation_fails_without_facts_too(exports, tmp_path):
    shutil.copytree(exports["ConvMixer"].path, tmp_path / "model")
    path = tmp_path / "model" / "assets" / "metadata.json"
    metadata = json.loads(path.read_text())
    path.write_text(json.dumps({**metadata, "std": [0.5, 0.5, 0.5]}))
    assert verify(tmp_path / "model", exports["ConvMixer"].model).fault == (
        "model doesn't match the model: metadata.json says std [0.5, 0.5, 0.5], expected (0.229, "
        "0.224, 0.225)."
    )


@pytest.mark.parametrize(
    ("facts", "said"),
    [
        (FACTS, ()),
        ({"mean": (0.5, 0.25, 0.1 + 1e-9), "crop": None, "interpolation": "bicubic"}, ()),
        ({"classes": 5, "licence": "MIT", "parameters": 3}, ()),
        ({"crop": 0.75}, ("metadata.json says crop 0.9, expected 0.75",)),
        (
            {"mean": [0.5], "dataset": "b"},
            (
                "metadata.json says mean [0.5, 0.25, 0.1], expected [0.5]",
                "metadata.json says dataset 'a', expected 'b'",
            ),
        ),
    ],
)
def test_facts_are_compared_where_both_know_them(export, facts, said):
    assert differing_statements(export, export, None, facts) == said


def test_damaged_files_are_no_reason_to_pass(export, tmp_path):
    (export / "assets" / "metadata.json").write_text("[]")
    with pytest.raises(ValueError, match=r"metadata\.json is not the metadata of an export; exp"):
        differing_statements(export, export, None, {})
    (export / "assets" / "labels.txt").write_text("a\n\x1b[2J\n")
    with pytest.raises(ValueError, match=r"labels\.txt: line 2 has control characters"):
        differing_statements(export, export, ["a", "b"], {})
    file = tmp_path / "a.tflite"
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("labels.txt", "cat\ndog\n")
    content = bytearray(file.read_bytes())
    content[content.index(b"labels.txt") + 10] ^= 255
    file.write_bytes(content)
    with pytest.raises(ValueError, match=r"The labels\.txt in .*a\.tflite can't be read \("):
        differing_statements(file, file, ["cat", "dog"], {})


def test_files_that_say_nothing_pass(tmp_path):
    (tmp_path / "a.tflite").write_bytes(b"no zip")
    (tmp_path / "a.onnx").touch()
    for name in ("a.tflite", "a.onnx", "."):
        path = tmp_path / name
        assert differing_statements(path, path, ["cat", "dog"], {"crop": 0.5}) == ()
