"""`keras-mixers compare`."""

import json
from pathlib import Path

import pytest

from keras_mixers_cli.study_options import parse
from tests.helpers.command_line import failure, run
from tests.training.comparison.runs import STUDY, write_study
from tests.training.comparison.test_processes import FAKE
from training.comparison import processes
from training.comparison.trials import Shard
from training.devices import Devices
from training.studies import STUDIES, find_study


@pytest.fixture
def study(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(processes, "WORKER", FAKE)
    path = tmp_path / "widths.json"
    path.write_text(STUDY.to_json())
    return path


def test_studies_are_listed() -> None:
    shown = run("compare").stdout
    for name, each in STUDIES.items():
        (row,) = (line for line in shown.splitlines() if line.strip().startswith(name))
        assert row.split()[-2:] == [str(len(each.arms)), str(each.seeds)]


@pytest.mark.parametrize("name", STUDIES)
def test_without_options_a_study_is_itself(name: str) -> None:
    parsed = parse(name)
    assert parsed.study == find_study(name)
    assert (parsed.folder, parsed.shard) == (Path("studies", name), Shard(1, 1))
    assert json.loads(run("compare", name, "--show").stdout) == json.loads(parsed.study.to_json())


def test_fields_of_the_recipe_are_options() -> None:
    options = "--seeds 5 --epochs 3 --data tfds:mnist --schedule.peak 0.1 --jobs 2 --shard 3/8"
    options += " --run there --strategy mirrored --data-dir here --quiet"
    parsed = parse("mixer_design", options.split())
    recipe = parsed.study.recipe
    assert (parsed.study.seeds, recipe.epochs, recipe.data) == (5, 3, "tfds:mnist")
    assert recipe.schedule.peak == 0.1
    assert parsed.study.arms == find_study("mixer_design").arms
    assert (parsed.folder, parsed.shard) == (Path("there"), Shard(3, 8))
    command = parsed.command
    assert (command.jobs, command.quiet, command.data_dir) == (2, True, Path("here"))
    assert command.devices == Devices("mirrored")


def test_a_study_is_made_and_reported(study: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    result = run("compare", study, "--run", out, "--seeds", 1, "--jobs", 2, "--no-speed")
    assert result.exit_code == 0, result.output
    assert "Deep has the highest mean top-1 accuracy, 82.80 %" in result.stdout
    assert (out / "results.csv").read_text().count(",finished,") == 3
    (out / "report.html").unlink()
    result = run("compare", "--report", out)
    assert result.exit_code == 0, result.output
    assert (out / "report.html").is_file()


def test_a_failed_run_is_a_failure_of_the_command(study: Path, tmp_path: Path) -> None:
    content = json.loads(study.read_text())
    content["arms"][2]["changes"]["model.arguments.depth"] = 3
    study.write_text(json.dumps(content))
    result = run("compare", study, "--run", tmp_path / "out", "--seeds", 1, "--no-speed")
    assert result.exit_code == 1
    assert "deep-seed0 failed: The loss was nan." in result.stdout
    assert (tmp_path / "out/report.html").is_file()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ("mixer_desing", "did you mean mixer_design"),
        ("nowhere.json", "There is no study file 'nowhere.json'"),
        ("mixer_design --epoch 3", "did you mean --epochs?"),
        ("mixer_design --seeds 0", "Study.seeds must be 1 to 1000; received 0"),
        ("mixer_design --epochs 0", "Recipe.epochs must be at least 1"),
        ("mixer_design --jobs 0", "--jobs must be at least 1; received 0"),
        ("mixer_design --shard 9/8", "1/8 to 8/8; received 9/8"),
        ("mixer_design --shard a", "A shard must be like 3/8, the third of eight; received 'a'"),
        ("--report", "--report needs folders"),
        ("--out there mixer_design", "--out needs --report"),
    ],
)
def test_misuse_is_one_line(arguments: str, message: str) -> None:
    assert message in failure(run("compare", *arguments.split()), status=2)


def test_a_hostile_study_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text("[" * 10_000)
    message = failure(run("compare", tmp_path / "a.json"), status=2)
    assert "a.json is not a study; " in message


def test_folders_that_can_not_be_reported_are_one_line(tmp_path: Path) -> None:
    message = failure(run("compare", "--out", tmp_path / "out", "--report", tmp_path))
    assert "holds neither a study nor a run" in message
    folder = write_study(tmp_path / "study")
    (folder.path / "study.json").write_text("{}")
    assert "study.json is not a study; " in failure(run("compare", "--report", folder.path))
