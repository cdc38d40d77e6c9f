"""`keras-mixers train`, `recipes`, `evaluate` and `few-shot`."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from keras_mixers import preprocessing
from tests.helpers.command_line import failure, run
from tests.helpers.hostile_programs import write_file_writer
from training.recipe import Recipe
from training.recipes import RECIPES, find_recipe

TINY = ("--epochs", "2", "--model.arguments.depth", "1", "--model.arguments.hidden_dim", "16")


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("runs") / "tiny"
    result = run("train", "convmixer_digits", *TINY, "--run", folder, "--quiet")
    assert result.exit_code == 0, result.output
    assert [line[:10] for line in result.stdout.splitlines()] == ["epoch 1/2 ", "epoch 2/2 "]
    return folder


def test_run_holds_what_was_asked_for(trained: Path) -> None:
    recipe = Recipe.from_json((trained / "recipe.json").read_text())
    assert (recipe.epochs, recipe.model.arguments["hidden_dim"]) == (2, 16)
    assert recipe.optimizer == find_recipe("convmixer_digits").optimizer
    assert (trained / "labels.txt").read_text().split() == list("0123456789")
    for name in ("samples.png", "curves.png"):
        with Image.open(trained / name) as image:
            assert min(image.size) > 100


def test_evaluation_is_that_of_the_run(trained: Path) -> None:
    result = run("evaluate", trained, "--data", "digits", "--json")
    assert result.exit_code == 0, result.output
    found = json.loads(result.stdout)
    assert found["top1"] == pytest.approx(
        json.loads((trained / "result.json").read_text())["accuracy"]
    )
    result = run("evaluate", trained / "model.keras", "--data", "digits")
    assert f"top-1 {found['top1']:.2%}" in result.stdout
    assert "364 images" in result.stdout
    assert len([line for line in result.stdout.splitlines() if "%" in line]) == 11


@pytest.mark.parametrize("command", [("evaluate",), ("few-shot", "--shots", 1, "--seeds", 1)])
def test_what_writes_files_runs_only_if_trusted(
    command: tuple[object, ...], tmp_path: Path
) -> None:
    folder, target = tmp_path / "a", tmp_path / "target"
    write_file_writer(folder, target)
    arguments = (*command, folder, "--data", "digits")
    assert "a has operators that may do more than compute: 'WriteFile'; if" in failure(
        run(*arguments)
    )
    assert not target.exists()
    result = run(*arguments, "--trust")
    told = f"note: {folder} is a SavedModel, which is a program; it is trusted unseen.\n"
    assert result.stderr.startswith(told)
    assert target.exists() is (command[0] == "evaluate")  # It has no features to probe.


def test_few_shot_probe(trained: Path) -> None:
    result = run("few-shot", trained, "--data", "digits", "--shots", 3, "--seeds", 2)
    assert result.exit_code == 0, result.output
    assert "with 3 images per class, 364 images (" in result.stdout
    assert result.stdout.count("%") == 3


def test_prediction_of_a_run(trained: Path, tmp_path: Path) -> None:
    Image.fromarray(np.zeros((8, 8), "uint8")).save(tmp_path / "a.png")
    result = run("predict", trained, tmp_path / "a.png")
    assert result.exit_code == 0, result.output
    assert result.stdout.count("%") == 5


def test_recipes_are_listed() -> None:
    result = run("recipes")
    assert result.exit_code == 0
    for name in RECIPES:
        assert name in result.stdout
    shown = run("train", "t2t_vit_14_imagenet", "--data", "npz:a.npz", "--show")
    assert Recipe.from_json(shown.stdout).data == "npz:a.npz"


def test_misuse(trained: Path, tmp_path: Path) -> None:
    assert "did you mean convmixer_digits" in failure(run("train", "convmixer_digit"), 2)
    assert "did you mean --epochs?" in failure(run("train", "convmixer_digits", "--epoch", 2), 2)
    assert run("train").exit_code == 2
    message = failure(run("train", "convmixer_digits", *TINY, "--run", trained))
    assert "holds a finished run of convmixer_digits; choose another folder" in message
    message = failure(run("train", "convmixer_digits", "--run", trained))
    assert "holds a run of another recipe, convmixer_digits" in message
    out = tmp_path / "deep/run"
    message = failure(run("train", "convmixer_digits", "--data", "folder:nowhere", "--run", out))
    assert "There is no folder 'nowhere'" in message
    assert "did you mean tfds:cifar10" in failure(
        run("train", "convmixer_digits", "--data", "cifar10", "--run", out)
    )
    assert list(tmp_path.iterdir()) == []
    assert "There is no" in failure(run("evaluate", tmp_path / "nowhere", "--data", "digits"))
    assert "There is no data set" in failure(run("evaluate", trained, "--data", "cifar10"))
    assert "fewer shots" in failure(run("few-shot", trained, "--data", "digits", "--shots", 999))
    assert run("evaluate", trained).exit_code == 2


def test_diverging_run_is_one_line(tmp_path: Path) -> None:
    message = failure(
        run(
            "train", "convmixer_digits", *TINY, "--schedule.peak", "1e30", "--quiet",
            "--optimizer.clip-norm", "None", "--run", tmp_path / "run",
        )
    )  # fmt: skip
    assert "The loss was " in message
    assert " of 22 in epoch 1; try a lower learning rate" in message
    assert list(tmp_path.iterdir()) == []


def test_skipped_files_are_counted_and_named(trained: Path, tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    for name in "0123456789":
        (tmp_path / name).mkdir()
        for i in range(5):
            pixels = random.integers(0, 256, (8, 8), "uint8")
            Image.fromarray(pixels).save(tmp_path / name / f"{i}.png")
    (tmp_path / "3" / "bad.png").write_text("no image")
    result = run("evaluate", trained, "--data", f"folder:{tmp_path}")
    assert result.exit_code == 0, result.output
    assert result.stderr.startswith("warning: 1 of 51 files can't be used: ")
    assert "3/bad.png" in result.stderr
    assert result.stderr.count("\n") == 1


def test_prediction_cuts_as_the_run_was_measured(
    trained: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # A run of a variant may cut otherwise than the variant's published evaluation does.
    table = json.loads((trained / "preprocessing.json").read_text())
    table["crop"] = 0.5
    folder = tmp_path / "run"
    shutil.copytree(trained, folder)
    (folder / "preprocessing.json").write_text(json.dumps(table))
    seen = []
    cut = preprocessing.resize_and_crop

    def watching(*arguments: object) -> np.ndarray:
        seen.append(arguments[1:])
        return cut(*arguments)

    monkeypatch.setattr(preprocessing, "resize_and_crop", watching)
    Image.fromarray(np.zeros((8, 8), "uint8")).save(tmp_path / "a.png")
    assert run("predict", folder, tmp_path / "a.png").exit_code == 0
    assert run("predict", folder / "model.keras", tmp_path / "a.png").exit_code == 0
    assert seen == [((8, 8), 0.5, "bilinear"), ((8, 8), 1.0, "bicubic")]
