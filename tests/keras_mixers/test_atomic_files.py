import errno
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import pytest
from filelock import FileLock

from keras_mixers.atomic_files import check_writable, swap_into_place, write_atomically


def folder_with(path, name):
    path.mkdir()
    (path / name).touch()
    return path


def test_folder_takes_the_place_of_a_folder(tmp_path):
    new, old = folder_with(tmp_path / "new", "a"), folder_with(tmp_path / "old", "b")
    swap_into_place(new, old)
    assert [str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*")] == ["old", "old/a"]


def test_old_folder_is_back_after_a_failure(tmp_path, monkeypatch):
    new, old = folder_with(tmp_path / "new", "a"), folder_with(tmp_path / "old", "b")
    rename = Path.rename

    def fail_for_new(self, target):
        if self == new:
            raise OSError("the disk is gone")
        return rename(self, target)

    monkeypatch.setattr(Path, "rename", fail_for_new)
    with pytest.raises(OSError, match="the disk is gone"):
        swap_into_place(new, old)
    assert (old / "b").exists()
    assert (new / "a").exists()


def test_error_in_the_block_leaves_the_target_alone(tmp_path):
    target = tmp_path / "a.txt"
    target.write_text("old")

    def write_half():
        with write_atomically(target, overwrite=True) as place:
            place.write_text("half")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_half()
    assert [path.name for path in tmp_path.iterdir()] == ["a.txt"]
    assert target.read_text() == "old"


def test_link_to_nothing_counts_as_existing(tmp_path):
    (tmp_path / "link").symlink_to(tmp_path / "nothing")
    with pytest.raises(FileExistsError, match="exists; pass overwrite=True"):
        check_writable(tmp_path / "link", overwrite=False)


def test_link_to_a_folder_is_not_replaced(tmp_path):
    folder = folder_with(tmp_path / "real", "saved_model.pb")
    (tmp_path / "link").symlink_to(folder)
    with pytest.raises(FileExistsError, match=r"not a folder with a file 'saved_model\.pb'"):
        check_writable(tmp_path / "link", overwrite=True, marker="saved_model.pb")


WRITER = """
import sys, time
from pathlib import Path
import keras_mixers_cli  # So that Keras isn't imported.
from keras_mixers.atomic_files import write_atomically
with write_atomically(Path(sys.argv[1]), overwrite=True) as place:
    place.write_text("half")
    print("begun", flush=True)
    time.sleep(600)
"""


@contextmanager
def another_writer(target):
    with subprocess.Popen(
        [sys.executable, "-c", WRITER, str(target)], stdout=subprocess.PIPE
    ) as process:
        assert process.stdout.readline() == b"begun\n"
        yield
        process.kill()


def write(target, text):
    with write_atomically(target, overwrite=True) as place:
        place.write_text(text)


def test_what_killed_processes_left_is_removed_and_nothing_else(tmp_path):
    target, own = tmp_path / "a[1].txt", tmp_path / ".a[1].txt-mine"
    own.mkdir()
    with another_writer(target):
        pass
    assert len(list(tmp_path.iterdir())) == 2
    write(target, "second")
    assert sorted(tmp_path.iterdir()) == [own, target]
    assert target.read_text() == "second"


def test_a_folder_that_a_killed_process_moved_aside_is_put_back(tmp_path):
    target, staging = tmp_path / "out", tmp_path / ".out-writing"
    staging.mkdir()
    (staging / ".lock").touch()
    folder_with(staging / ".replaced-out", "marker")
    folder_with(staging / "out", "half")
    with pytest.raises(FileExistsError, match="exists; pass overwrite=True"):
        write_atomically(target, False, "marker").__enter__()
    assert list(tmp_path.iterdir()) == [target]
    assert [entry.name for entry in target.iterdir()] == ["marker"]


@pytest.mark.parametrize("overwrite", [False, True])
def test_one_of_two_writers_is_kept_out(tmp_path, overwrite):
    target = tmp_path / "a.txt"
    with another_writer(target):
        with pytest.raises(
            OSError, match=r"^Another process is writing '.*a\.txt'; wait for"
        ) as error:
            write_atomically(target, overwrite).__enter__()
        assert "\n" not in str(error.value)
        assert [path.name for path in tmp_path.iterdir()] == [".a.txt-writing"]
    write(target, "whole")
    assert [path.name for path in tmp_path.iterdir()] == ["a.txt"]


def test_what_appeared_meanwhile_is_not_overwritten_untold(tmp_path):
    """As by a program that knows nothing of the lock."""
    target = tmp_path / "a.txt"

    def write_slowly():
        with write_atomically(target, overwrite=False) as place:
            place.write_text("mine")
            target.write_text("of another")

    with pytest.raises(FileExistsError, match="exists; pass overwrite=True"):
        write_slowly()
    assert [path.name for path in tmp_path.iterdir()] == ["a.txt"]
    assert target.read_text() == "of another"


def test_writers_one_after_the_other(tmp_path):
    """All of them wait and write, so that none is lost and none meets a lock that is gone."""
    target, waited = tmp_path / "count", []

    def count():
        for _ in range(20):
            with write_atomically(target, True, on_wait=lambda: waited.append(1)) as place:
                before = int(target.read_text()) if target.exists() else 0
                place.write_text(str(before + 1))

    with ThreadPoolExecutor(4) as pool:
        for done in [pool.submit(count) for _ in range(4)]:
            done.result()
    assert target.read_text() == "80"
    assert waited
    assert list(tmp_path.iterdir()) == [target]


def test_a_folder_that_goes_while_it_is_locked_is_made_again(tmp_path, monkeypatch):
    """filelock makes the folder too, and fails if another process removes it at that moment."""
    acquire, calls = FileLock.acquire, []

    def find_it_gone(self, *arguments, **options):
        calls.append(self)
        if len(calls) == 1:
            Path(self.lock_file).parent.rmdir()
            raise FileExistsError(errno.EEXIST, "File exists")
        return acquire(self, *arguments, **options)

    monkeypatch.setattr(FileLock, "acquire", find_it_gone)
    with write_atomically(tmp_path / "file", False) as place:
        place.write_text("whole")
    assert (tmp_path / "file").read_text() == "whole"
    assert len(calls) == 2


def test_a_folder_of_the_users_is_left_alone(tmp_path):
    own = folder_with(tmp_path / ".a.txt-writing", "mine")
    with pytest.raises(OSError, match="is not of this program; choose another one"):
        write(tmp_path / "a.txt", "text")
    assert [path.name for path in own.iterdir()] == ["mine"]


def test_without_memory_nothing_is_left(tmp_path, monkeypatch):
    def fail(path):
        raise MemoryError

    monkeypatch.setattr("keras_mixers.atomic_files.os.listdir", fail)
    with pytest.raises(MemoryError):
        write_atomically(tmp_path / "a.txt", overwrite=False).__enter__()
    monkeypatch.undo()
    assert list(tmp_path.iterdir()) == []
