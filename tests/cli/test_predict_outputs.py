"""What `keras-mixers predict` reads images from, and how it prints their classes."""

import csv
import io
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import keras_mixers
from tests.helpers.command_line import failure, run
from training.evaluation.load_model import load_model
from training.evaluation.predict import predict_images

NAMES = ["a,b", 'c "d"', "e"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run, and a folder of five images, one of them damaged, and of what is no image."""
    folder = tmp_path_factory.mktemp("outputs")
    (folder / "run").mkdir()
    keras_mixers.ConvMixer(4, 1, 4, 3, classes=3, input_shape=(8, 8, 3)).save(
        folder / "run/model.keras"
    )
    (folder / "run/labels.txt").write_text("".join(f"{name}\n" for name in NAMES))
    random = np.random.default_rng(0)
    for name in ("1.png", "2.JPG", "deep/3.png", "deep/4.png", "@eaDir/1.png"):
        path = folder / "images" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(random.integers(0, 256, (9, 12, 3), "uint8")).save(path)
    (folder / "images/bad.png").write_text("no image")
    (folder / "images/notes.txt").write_text("no image")
    return folder


GOOD = ["1.png", "2.JPG", "deep/3.png", "deep/4.png"]


def expected(folder: Path) -> list[tuple[str, tuple[tuple[str, float], ...]]]:
    """Return each image's path and classes, predicted one at a time."""
    loaded = load_model(folder / "run")
    paths = [folder / "images" / name for name in GOOD]
    return [(str(p.image), p.classes) for p in predict_images(loaded, paths, batch_size=1)]


@pytest.mark.parametrize("batch_size", [1, 2, 32])
def test_json(folder: Path, batch_size: int) -> None:
    command = ("predict", folder / "run", folder / "images", "--json", "--batch-size", batch_size)
    result = run(*command)
    assert result.exit_code == 1
    assert result.stderr == (
        f"error: {folder / 'images/bad.png'} is not an image in a format that Pillow knows; "
        "save it as a JPEG or PNG.\n"
    )
    found = json.loads(result.stdout)
    assert [list(each) for each in found] == [["image", "classes"]] * 4
    for each, (image, classes) in zip(found, expected(folder), strict=True):
        assert each["image"] == image
        assert [best["name"] for best in each["classes"]] == [name for name, _ in classes]
        shares = [best["probability"] for best in each["classes"]]
        np.testing.assert_allclose(shares, [share for _, share in classes], rtol=1e-5)


def test_csv(folder: Path) -> None:
    result = run("predict", folder / "run", folder / "images", "--csv", "--top", 2)
    assert result.exit_code == 1
    heading, *rows = csv.reader(io.StringIO(result.stdout))
    assert heading == ["image", "rank", "name", "probability"]
    wanted = [
        (image, str(rank), name, share)
        for image, classes in expected(folder)
        for rank, (name, share) in enumerate(classes[:2], 1)
    ]
    assert [tuple(row[:3]) for row in rows] == [row[:3] for row in wanted]
    np.testing.assert_allclose([float(row[3]) for row in rows], [row[3] for row in wanted], 1e-5)


def test_names_from_standard_input(folder: Path) -> None:
    odd = Path(os.fsdecode(os.fsencode(folder) + b"/\xff a.png"))
    shutil.copy(folder / "images/1.png", odd)
    lines = [os.fsencode(odd), b"", os.fsencode(folder / "images/deep")]
    last = folder / "images/1.png"
    result = run("predict", folder / "run", "-", last, "--json", stdin=b"\n".join(lines))
    assert result.exit_code == 0, result.output
    shown = [each["image"] for each in json.loads(result.stdout)]
    assert shown == [str(odd), *(str(folder / "images" / name) for name in GOOD[2:]), str(last)]
    empty = run("predict", folder / "run", "-", "--json")
    assert (empty.exit_code, empty.stdout) == (0, "[]\n")


def test_a_folder_without_images_is_told_and_the_rest_goes_on(folder: Path) -> None:
    result = run("predict", folder / "run", folder / "run", folder / "images/deep", "--top", 1)
    assert result.exit_code == 1
    assert result.stderr.startswith(f"error: There is no image in '{folder / 'run'}'; expected fi")
    assert result.stderr.count("\n") == 1
    assert result.stdout.splitlines()[::2] == [str(folder / "images" / name) for name in GOOD[2:]]


def test_a_bar_leaves_errors_and_results_whole(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    command = ("predict", folder / "run", folder / "images")
    without_bar = run(*command)
    monkeypatch.setenv("FORCE_COLOR", "1")  # Rich then takes its output for a terminal.
    result = run(*command)
    assert (result.exit_code, result.stdout) == (1, without_bar.stdout)
    assert "images" in result.stderr.split("error: ")[0]
    erased = "\x1b[2K"
    assert f"{erased}{without_bar.stderr}" in result.stderr


def test_misuse(folder: Path) -> None:
    command = ("predict", folder / "run", folder / "images")
    assert "--json and --csv exclude each other; choose one" in failure(
        run(*command, "--json", "--csv"), 2
    )
    assert run("predict", folder / "run").exit_code == 2
    assert "There is no model 'a.keras'; expected" in failure(run("predict", "a.keras", "-"))


def test_arguments_of_the_function(folder: Path) -> None:
    loaded = load_model(folder / "run")
    with pytest.raises(ValueError, match="top and batch_size must be at least 1; received 0 and"):
        list(predict_images(loaded, [], top=0))
    with pytest.raises(ValueError, match=r"takes images of 8 x 8 only; leave the size out"):
        list(predict_images(loaded, [], size=9))


def test_a_closed_pipe_ends_quietly() -> None:
    command = [sys.executable, "-m", "keras_mixers_cli", "list"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        process.stdout.close()
        assert process.stderr.read() == b""
    assert process.returncode == 1


def test_a_pipe_closed_during_predictions_ends_quietly(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    printed: list[object] = []

    def echo_once(line: object) -> None:
        if printed:
            raise BrokenPipeError(32, "Broken pipe")
        printed.append(line)

    monkeypatch.setattr("keras_mixers_cli.predict.echo", echo_once)
    result = run("predict", folder / "run", folder / "images")
    assert (result.exit_code, result.output) == (1, "")
    assert printed == [folder / "images/1.png"]
