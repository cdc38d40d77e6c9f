"""The archive and its checksum: the same bytes everywhere, and both files or neither."""

import os
import subprocess
import tarfile

import pytest

from hub_export import archive
from hub_export.archive import write_archive
from keras_mixers import atomic_files


@pytest.fixture
def folder(tmp_path):
    """A folder with the files of a SavedModel, but no model in them."""
    folder = tmp_path / "model"
    (folder / "variables").mkdir(parents=True)
    (folder / "assets").mkdir()
    (folder / "saved_model.pb").write_bytes(b"a graph")
    (folder / "variables" / "variables.index").write_bytes(b"names")
    return folder


def names_in(folder):
    return sorted(path.name for path in folder.iterdir())


def test_owners_dates_and_modes_of_the_disk_stay_out(folder, tmp_path):
    first = write_archive(folder, tmp_path / "a.tar.gz")
    for path in folder.rglob("*"):
        path.chmod(0o700)
        os.utime(path, (1, 1))
    assert write_archive(folder, tmp_path / "b.tar.gz") == first
    # Neither a name nor a time in gzip's own header.
    assert (tmp_path / "b.tar.gz").read_bytes()[3:8] == bytes(5)
    with tarfile.open(tmp_path / "b.tar.gz") as tar:
        members = tar.getmembers()
    assert [member.name for member in members] == [
        "assets",
        "saved_model.pb",
        "variables",
        "variables/variables.index",
    ]
    for member in members:
        assert (member.uname, member.gname) == ("", "")
        assert member.mode == (0o755 if member.isdir() else 0o644)


def test_other_files_give_other_bytes(folder, tmp_path):
    first = write_archive(folder, tmp_path / "a.tar.gz")
    (folder / "saved_model.pb").write_bytes(b"b graph")
    assert write_archive(folder, tmp_path / "b.tar.gz") != first


def test_sha256sum_sees_damage(folder, tmp_path):
    write_archive(folder, tmp_path / "a.tar.gz")
    with (tmp_path / "a.tar.gz").open("ab") as file:
        file.write(b"!")
    process = subprocess.run(
        ["sha256sum", "-c", "a.tar.gz.sha256"], cwd=tmp_path, capture_output=True
    )
    assert (process.returncode, process.stdout) == (1, b"a.tar.gz: FAILED\n")


@pytest.mark.parametrize("old", [None, "old"])
def test_both_files_or_neither(folder, tmp_path, monkeypatch, old):
    if old:
        (tmp_path / "a.tar.gz").write_text(old)
        (tmp_path / "a.tar.gz.sha256").write_text(old)
    before = names_in(tmp_path)
    replace = atomic_files.swap_into_place

    def fail_for_the_archive(source, target):
        if target.suffix == ".gz":
            raise OSError("the disk is gone")
        replace(source, target)

    monkeypatch.setattr(atomic_files, "swap_into_place", fail_for_the_archive)
    with pytest.raises(OSError, match="the disk is gone"):
        write_archive(folder, tmp_path / "a.tar.gz", overwrite=True)
    assert names_in(tmp_path) == before
    for path in tmp_path.glob("a.*"):
        assert path.read_text() == old


def test_failure_while_packing_leaves_nothing(folder, tmp_path, monkeypatch):
    def fill_the_disk(*arguments):
        raise OSError("No space left on device")

    monkeypatch.setattr(archive, "_write_members", fill_the_disk)
    with pytest.raises(OSError, match="No space left"):
        write_archive(folder, tmp_path / "a.tar.gz")
    assert names_in(tmp_path) == ["model"]
