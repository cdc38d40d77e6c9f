import os
import subprocess
import sys

import pytest

from tests.helpers.runs import tiny
from training.errors import RunFolderError
from training.run.lock import LOCK_FILE, lock_folder
from training.run.open_folder import check_folder, open_run_folder

HOLDER = """
import sys, time
from filelock import FileLock
lock = FileLock(sys.argv[1])
lock.acquire()
print("locked", flush=True)
time.sleep(600)
"""


def content(folder):
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_a_second_process_is_told_of_the_first_and_touches_nothing(tmp_path):
    run = tmp_path / "run"
    owner = rf"belongs to process {os.getpid()} on .*, since 20"
    with open_run_folder(run, tiny()) as folder:
        folder.write_start(tiny(), ["a", "b"])
        before = content(run)
        with (
            pytest.raises(RunFolderError, match=owner),
            open_run_folder(run, tiny()),
        ):
            pass
        assert content(run) == before
        folder.kept = True
    with open_run_folder(run, tiny()) as folder:
        assert folder.kept


def test_a_process_that_was_killed_lets_go(tmp_path):
    path = str(tmp_path / LOCK_FILE)
    with subprocess.Popen([sys.executable, "-c", HOLDER, path], stdout=subprocess.PIPE) as holder:
        assert holder.stdout.readline() == b"locked\n"
        with pytest.raises(RunFolderError, match="belongs to another process"):
            lock_folder(tmp_path).__enter__()
        holder.kill()
    with lock_folder(tmp_path):
        pass
    assert not check_folder(tmp_path, tiny())  # It is free for any run.


def test_a_folder_that_is_read_only_is_told(tmp_path, monkeypatch):
    def refuse(*arguments, **options):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("training.run.lock.FileLock.acquire", refuse)
    with (
        pytest.raises(RunFolderError, match=r"can't be written into \(Permission denied\); choose"),
        open_run_folder(tmp_path / "a" / "run", tiny()),
    ):
        pass
    assert list(tmp_path.iterdir()) == []
