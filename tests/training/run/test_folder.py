import json
import subprocess
import warnings

import keras
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.helpers.runs import tiny
from training.devices import Devices
from training.errors import CheckpointFileError, RunFolderError
from training.run.environment import command_line, environment, git_state
from training.run.folder import RunFolder
from training.run.open_folder import check_folder, open_run_folder


def message_of(path, recipe):
    with pytest.raises(RunFolderError) as caught:
        check_folder(path, recipe)
    return str(caught.value)


def start(path, recipe, then=lambda folder: None):
    with open_run_folder(path, recipe) as folder:
        folder.write_start(recipe, ["a", "b"])
        then(folder)


def test_a_place_that_is_free(tmp_path):
    check_folder(tmp_path, tiny())
    check_folder(tmp_path / "new" / "run", tiny())
    assert not (tmp_path / "new").exists()


def test_a_place_that_is_taken(tmp_path):
    end = "; choose another folder, or remove this one."
    (tmp_path / "file").touch()
    assert message_of(tmp_path / "file", tiny()) == (
        f"'{tmp_path / 'file'}' is a file; choose a folder for the run."
    )
    assert message_of(tmp_path, tiny()) == f"'{tmp_path}' is not empty, but holds no run{end}"
    run = tmp_path / "run"
    start(run, tiny())
    assert check_folder(run, tiny())  # One that did not finish goes on, to other epochs too.
    assert check_folder(run, tiny(epochs=9))
    assert message_of(run, tiny(seed=1)) == f"'{run}' holds a run of another recipe, tiny{end}"
    start(tmp_path / "done", tiny(), lambda folder: folder.write_json("result.json", {}))
    assert message_of(tmp_path / "done", tiny()) == (
        f"'{tmp_path / 'done'}' holds a finished run of tiny{end}"
    )
    assert check_folder(tmp_path / "done", tiny(epochs=3))
    (run / "recipe.json").write_text("{")
    assert message_of(run, tiny()) == f"'{run}' holds a run whose recipe.json can't be read{end}"


def test_devices_are_remembered(tmp_path):
    with open_run_folder(tmp_path / "run", tiny()) as folder:
        folder.write_start(tiny(), ["a", "b"], Devices("mirrored", "averaged"), replicas=2)
    found = json.loads((tmp_path / "run" / "environment.json").read_text())["devices"]
    assert found == {
        "strategy": "mirrored",
        "batch_norm": "averaged",
        "steps_per_execution": 1,
        "wait": 300,
        "replicas": 2,
    }


def test_what_a_crash_left_is_no_run_and_goes(tmp_path):
    (tmp_path / ".recipe.json-abc").mkdir()
    (tmp_path / ".recipe.json-abc" / "recipe.json").write_text("{")
    assert not check_folder(tmp_path, tiny())
    start(tmp_path, tiny())
    assert sorted(entry.name for entry in tmp_path.iterdir()) == [
        ".lock",
        "environment.json",
        "labels.txt",
        "preprocessing.json",
        "recipe.json",
    ]


def test_the_log_ends_where_the_checkpoint_does(tmp_path):
    folder = RunFolder(tmp_path)
    folder.trim_log(3)
    assert not list(tmp_path.iterdir())
    for epoch in (1, 2, 3):
        folder.add_row({"epoch": epoch, "loss": 0.5})
    with (tmp_path / "log.csv").open("a") as file:
        file.write("4")
    folder.trim_log(2)
    assert (tmp_path / "log.csv").read_text() == "epoch,loss\n1,0.5\n2,0.5\n"


def test_a_place_that_cannot_be_made(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(RunFolderError, match=r"/file/run' can't be created \(Not a directory\)"):
        start(tmp_path / "file" / "run", tiny())


def test_what_fails_early_leaves_nothing(tmp_path):
    path = tmp_path / "a" / "b" / "run"

    def fail(folder):
        (path / "tensorboard").mkdir()
        (path / "tensorboard" / "events").touch()
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        start(path, tiny(), then=fail)
    assert not list(tmp_path.iterdir())


def test_a_folder_that_was_there_is_left_there(tmp_path):
    with pytest.raises(ZeroDivisionError):
        start(tmp_path, tiny(), then=lambda folder: 1 / 0)
    assert tmp_path.is_dir()
    assert not list(tmp_path.iterdir())


def test_what_fails_after_an_epoch_is_kept(tmp_path):
    def fail(folder):
        folder.add_row({"epoch": 1, "loss": 0.5})
        folder.add_row({"epoch": 2, "loss": 0.25})
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        start(tmp_path, tiny(), then=fail)
    assert (tmp_path / "log.csv").read_text().split() == ["epoch,loss", "1,0.5", "2,0.25"]
    assert (tmp_path / "recipe.json").is_file()


def test_what_fails_after_a_checkpoint_is_kept(tmp_path):
    def fail(folder):
        folder.save(1, [])
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        start(tmp_path, tiny(), then=fail)
    assert (tmp_path / "checkpoint.npz").is_file()


def test_a_name_is_a_line(tmp_path):
    with open_run_folder(tmp_path, tiny()) as folder:
        folder.write_start(tiny(), ["a\nb", " \u00e9 "])
    assert (tmp_path / "labels.txt").read_bytes() == "a b\n\u00e9\n".encode()


def test_the_environment(tmp_path, monkeypatch):
    monkeypatch.setattr("sys.argv", ["/usr/bin/keras-mixers", "train", "my run"])
    found = json.loads(json.dumps(environment(seed=7)))
    assert found["command"] == command_line() == "keras-mixers train 'my run'"
    assert found["seed"] == 7
    assert found["packages"]["keras"].startswith("3.")
    assert set(found["packages"]) >= {"keras-mixers", "tensorflow", "tensorflow-datasets"}
    assert found["python"].startswith("3.")
    assert found["cpu"]
    assert isinstance(found["gpus"], list)


def test_the_state_of_a_repository(tmp_path):
    assert git_state(tmp_path) is None

    def git(*arguments):
        names = ["-c", "user.name=a", "-c", "user.email=a@example.org"]
        subprocess.run(["git", *names, *arguments], cwd=tmp_path, check=True, capture_output=True)

    git("init")
    assert git_state(tmp_path) is None
    (tmp_path / "a").touch()
    git("add", "a")
    git("commit", "-m", "a")
    inner = tmp_path / "inner"
    inner.mkdir()
    clean = git_state(inner)
    assert clean["folder"] == str(tmp_path.resolve())
    assert len(clean["commit"]) == 40
    assert not clean["dirty"]
    (tmp_path / "a").write_text("changed")
    assert git_state(inner) == {**clean, "dirty": True}


def test_no_git(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    assert git_state(tmp_path) is None


def save_twice(path):
    """Return variables at 2, of which a folder holds 2 after five steps, and 1 after four."""
    folder, variables = RunFolder(path), [keras.Variable([1.0] * 50, name="a")]
    folder.save(4, variables)
    variables[0].assign([2.0] * 50)
    folder.save(5, variables)
    return folder, variables


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(where=st.floats(0, 1, exclude_max=True), bit=st.integers(0, 7), cut=st.booleans())
def test_of_two_checkpoints_the_one_that_is_whole_is_used(tmp_path, where, bit, cut):
    folder, variables = save_twice(tmp_path)
    path = tmp_path / "checkpoint.npz"
    content = bytearray(path.read_bytes())
    place = int(where * len(content))
    content[place] ^= 1 << bit
    path.write_bytes(content[:place] if cut else content)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        step = folder.restore(variables)
    # Some bits, such as those of a date, mean nothing.
    assert step == (4 if caught or cut else 5)
    assert variables[0].numpy().tolist() == [step - 3.0] * 50
    assert all(
        "What was done since the one before it is repeated" in str(w.message) for w in caught
    )


def test_two_damaged_checkpoints_are_told_in_one_line(tmp_path):
    folder, variables = save_twice(tmp_path)
    for path in tmp_path.iterdir():
        path.write_bytes(b"x")
    with pytest.raises(CheckpointFileError, match=r"previous.npz .* Remove them to begin again"):
        folder.restore(variables)
    assert variables[0].numpy().tolist() == [2.0] * 50


def test_a_crash_between_two_checkpoints_leaves_the_older(tmp_path):
    folder, variables = save_twice(tmp_path)
    (tmp_path / "checkpoint.npz").unlink()
    assert folder.restore(variables) == 4


@pytest.mark.parametrize(
    "content", [b"", b"\n\n", b"epoch,loss\none,0.5\n", b"epoch,loss\n\xff,0.5\n"]
)
def test_a_damaged_log_is_told_and_kept(tmp_path, content):
    log = tmp_path / "log.csv"
    log.write_bytes(content)
    with pytest.raises(RunFolderError, match=r"log\.csv is not the log of a run .*remove it"):
        RunFolder(tmp_path).trim_log(1)
    assert log.read_bytes() == content
