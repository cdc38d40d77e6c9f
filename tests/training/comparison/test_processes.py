"""The runs of a study: made once, several at a time, in parts, killed and begun again."""

import errno
import random
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from tests.helpers.children import PATIENCE, Child
from tests.helpers.runs import tiny
from tests.training.comparison.runs import STUDY
from training import compare as module
from training.compare import compare
from training.comparison import folder, processes, report
from training.comparison.speed import SPEED_FILE, Speed, read_speeds
from training.comparison.trials import Shard, plan_trials
from training.devices import Devices
from training.errors import RecipeError, RunFolderError
from training.study import Arm, Study

FAKE = (sys.executable, str(Path(__file__).with_name("fake_worker.py")))
SPEEDS = {arm.label: Speed((10.0,), (20.0,)) for arm in STUDY.arms}
TRIALS = [trial.name for trial in plan_trials(STUDY)]


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(processes, "WORKER", FAKE)
    monkeypatch.setattr(processes, "_SECONDS_BETWEEN_LOOKS", 0.01)
    monkeypatch.setattr(report, "draw_figures", lambda *_: {})
    monkeypatch.setattr(module, "measure_speed", lambda *_: SPEEDS)


def starts(folder: Path) -> list[str]:
    lines = (folder / "runs/starts").read_text().splitlines()
    return [line.split()[0] for line in lines]


def test_each_run_is_made_once(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    found = compare(STUDY, tmp_path / "a")
    assert starts(tmp_path / "a") == TRIALS
    assert found.arms[1].by_seed() == {0: pytest.approx(0.826), 1: pytest.approx(0.828)}
    lines = capsys.readouterr().out.splitlines()
    assert lines[:6] == [f"{name} finished" for name in TRIALS]
    assert lines[7:10] == list(found.answer)
    again = compare(STUDY, tmp_path / "a")
    assert starts(tmp_path / "a") == TRIALS
    assert again.answer == found.answer
    assert "6 of 6 runs are finished already." in capsys.readouterr().out


def test_more_seeds_keep_what_is_there(tmp_path: Path) -> None:
    compare(replace(STUDY, seeds=1), tmp_path, quiet=True)
    compare(STUDY, tmp_path, quiet=True)
    assert sorted(starts(tmp_path)) == sorted(TRIALS)


def test_jobs_and_shards_give_the_same_results(tmp_path: Path) -> None:
    compare(STUDY, tmp_path / "one", quiet=True)
    expected = (tmp_path / "one/results.csv").read_text()
    compare(STUDY, tmp_path / "jobs", jobs=3, quiet=True)
    assert (tmp_path / "jobs/results.csv").read_text() == expected
    first = compare(STUDY, tmp_path / "shards", shard=Shard(1, 2), quiet=True)
    assert len(first.unfinished) == 3
    assert starts(tmp_path / "shards") == TRIALS[::2]
    last = compare(STUDY, tmp_path / "shards", shard=Shard(2, 2), quiet=True)
    assert not last.unfinished
    assert (tmp_path / "shards/results.csv").read_text() == expected


def test_networks_are_timed_once_and_when_no_run_is_left(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    compare(STUDY, tmp_path, shard=Shard(1, 2), quiet=True)
    assert not (tmp_path / SPEED_FILE).exists()
    compare(STUDY, tmp_path, quiet=True, speed=False)
    assert not (tmp_path / SPEED_FILE).exists()
    compare(STUDY, tmp_path, quiet=True)
    assert read_speeds(tmp_path) == SPEEDS
    assert "| 10 | 20 | - |" in (tmp_path / "report.md").read_text()
    monkeypatch.delattr(module, "measure_speed")
    compare(STUDY, tmp_path, quiet=True)
    (tmp_path / SPEED_FILE).unlink()

    def fail(*_: object) -> None:
        raise ChildProcessError("Memory.")

    monkeypatch.setattr(module, "measure_speed", fail, raising=False)
    with pytest.warns(UserWarning, match=r"The networks were not timed: Memory\."):
        found = compare(STUDY, tmp_path, quiet=True)
    assert len(found.answer) == 3
    (tmp_path / SPEED_FILE).write_text('{"Mixer": {"training": [1], "inference": [0]}}')
    with pytest.raises(ValueError, match=r"speed\.json is not the speeds of a study; inf"):
        compare(STUDY, tmp_path, quiet=True)


def test_failures_are_told_and_the_others_go_on(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arms = (*STUDY.arms, Arm("NaN", {"model.arguments.depth": 3}))
    arms = (*arms, Arm("Killed", {"model.arguments.depth": 4}))
    found = compare(replace(STUDY, arms=arms, seeds=1), tmp_path)
    assert [(each.arm, each.reason) for each in found.failed] == [
        ("NaN", "The loss was nan."),
        ("Killed", "The process was ended by signal 9."),
    ]
    assert [len(arm.measured) for arm in found.arms] == [1, 1, 1, 0, 0]
    assert "nan-seed0 failed: The loss was nan.\n" in capsys.readouterr().out
    compare(replace(STUDY, arms=arms, seeds=1), tmp_path, quiet=True)
    assert starts(tmp_path).count("nan-seed0") == 2  # Tried again.


def test_options_reach_each_run(tmp_path: Path) -> None:
    compare(replace(STUDY, seeds=1), tmp_path, devices=Devices("mirrored"), quiet=True)
    assert "mixer-seed0 mirrored\n" in (tmp_path / "runs/starts").read_text()


def test_folders_with_something_else_are_left_alone(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="jobs must be at least 1; received 0"):
        compare(STUDY, tmp_path, jobs=0)
    (tmp_path / "mine.txt").write_text("mine")
    with pytest.raises(RunFolderError, match="is not empty, but holds no study"):
        compare(STUDY, tmp_path, quiet=True)
    assert [path.name for path in tmp_path.iterdir()] == ["mine.txt"]
    with pytest.raises(RunFolderError, match="is a file"):
        compare(STUDY, tmp_path / "mine.txt", quiet=True)
    compare(replace(STUDY, seeds=1), tmp_path / "study", quiet=True)
    with pytest.raises(RunFolderError, match="holds another study, widths, or one with other"):
        compare(replace(STUDY, recipe=tiny(epochs=3)), tmp_path / "study", quiet=True)


@pytest.mark.parametrize("index", [0, 4, -1])
def test_shards_that_do_not_exist_are_refused(index: int) -> None:
    with pytest.raises(RecipeError, match=f"1/3 to 3/3; received {index}/3"):
        Shard(index, 3)


def _compare(study: Study, folder: Path, worker: tuple[str, ...], begun: Path) -> None:
    processes.WORKER = worker  # type: ignore[assignment]
    begun.touch()
    compare(study, folder, jobs=2, quiet=True, speed=worker != FAKE)


def kill_until_finished(study: Study, folder: Path, worker: tuple[str, ...], stops: int) -> None:
    """Make a study that is stopped at random moments, by SIGKILL and SIGTERM in turn."""
    begun, limit, longest = folder.with_name("begun"), time.monotonic() + PATIENCE, 0.1
    for stop in range(stops):
        begun.unlink(missing_ok=True)
        child = Child(_compare, study, folder, worker, begun)
        while not begun.exists():
            assert time.monotonic() < limit
            time.sleep(0.01)
        time.sleep(random.Random().uniform(0, longest))
        child.kill() if stop % 2 == 0 else child.terminate()
        status, _, errors = child.end()
        assert status != 1, errors
        longest *= 2
    status, _, errors = Child(_compare, study, folder, worker, begun).end()
    assert status == 0, errors


def results(make: Callable[[], object], folder: Path) -> str:
    make()
    return (folder / "results.csv").read_text()


def test_a_study_that_is_stopped_ends_as_one_that_was_not(tmp_path: Path) -> None:
    study = replace(STUDY, recipe=tiny(epochs=6))
    whole = results(lambda: compare(study, tmp_path / "whole", quiet=True), tmp_path / "whole")
    stopped = tmp_path / "stopped"
    assert results(lambda: kill_until_finished(study, stopped, FAKE, 2), stopped) == whole


@pytest.mark.slow
def test_a_trained_study_that_is_stopped_ends_as_one_that_was_not(tmp_path: Path) -> None:
    worker = (sys.executable, "-m", "training.comparison.worker")
    study = Study("short", "Which?", tiny(epochs=12), (STUDY.arms[0], STUDY.arms[2]), seeds=1)
    whole, stopped = tmp_path / "whole", tmp_path / "stopped"
    expected = results(lambda: kill_until_finished(study, whole, worker, 0), whole)
    assert ",finished," in expected
    assert set(read_speeds(whole)) == {arm.label for arm in study.arms}
    assert results(lambda: kill_until_finished(study, stopped, worker, 8), stopped) == expected


def test_a_study_goes_on_where_the_disk_refused_to_begin(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as full:
        full.setattr(folder, "_write", refuse)
        with pytest.raises(OSError, match="No space"):
            compare(STUDY, tmp_path / "study", quiet=True)
    assert not compare(STUDY, tmp_path / "study", quiet=True).unfinished


def test_a_finished_run_that_cannot_be_read_is_not_made_again(tmp_path: Path) -> None:
    compare(STUDY, tmp_path, quiet=True)
    recipe = tmp_path / "runs" / TRIALS[0] / "recipe.json"
    recipe.unlink()
    recipe.mkdir()
    with pytest.raises(IsADirectoryError):
        compare(STUDY, tmp_path, quiet=True)
    assert starts(tmp_path) == TRIALS
