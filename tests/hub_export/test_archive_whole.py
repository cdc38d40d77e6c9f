"""The archive and its checksum: the same bytes everywhere, and both files or neither."""

import gzip
import os
import subprocess
import tarfile

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from hub_export import archive
from hub_export.archive import unpack_archive, write_archive


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
    replace = archive.swap_into_place

    def fail_for_the_archive(source, target):
        if target.suffix == ".gz":
            raise OSError("the disk is gone")
        replace(source, target)

    monkeypatch.setattr(archive, "swap_into_place", fail_for_the_archive)
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


@settings(max_examples=100, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(place=st.floats(0, 1, exclude_max=True), byte=st.integers(0, 255), within=st.booleans())
def test_one_wrong_byte_is_unpacked_or_refused(folder, tmp_path, place, byte, within):
    """In the compressed bytes, or in the headers and files within them."""
    path = tmp_path / "model.tar.gz"
    write_archive(folder, path, overwrite=True)
    content = bytearray(gzip.decompress(path.read_bytes()) if within else path.read_bytes())
    content[int(place * len(content))] = byte
    path.write_bytes(gzip.compress(content, 1) if within else content)
    (tmp_path / "model.tar.gz.sha256").unlink()
    message = ""
    try:
        unpack_archive(path, tmp_path / "unpacked")
    except ValueError as error:  # Any other ends the test.
        message = str(error)
    assert not message or message.startswith(f"{path} can't be unpacked (")
    assert len(message.splitlines()) <= 1


def test_a_wrong_byte_that_zlib_sees_is_told_in_one_line(folder, tmp_path):
    path = tmp_path / "model.tar.gz"
    write_archive(folder, path)
    content = bytearray(path.read_bytes())
    content[20] ^= 255
    path.write_bytes(content)
    with pytest.raises(
        ValueError, match=r"model\.tar\.gz is damaged: its sha256 is not the one in"
    ):
        unpack_archive(path, tmp_path)
    (tmp_path / "model.tar.gz.sha256").write_bytes(b"\xff\xfe")
    with pytest.raises(
        ValueError, match=r"model\.tar\.gz is damaged: its sha256 is not the one in"
    ):
        unpack_archive(path, tmp_path)
    (tmp_path / "model.tar.gz.sha256").unlink()
    with pytest.raises(
        ValueError, match=r"can't be unpacked \(.*; expected a whole \.tar\.gz; cop"
    ):
        unpack_archive(path, tmp_path)


def test_wrong_bytes_in_the_middle_of_a_large_file_are_told_too(folder, tmp_path):
    (folder / "variables" / "variables.index").write_text("".join(map(str, range(50_000))))
    path = tmp_path / "model.tar.gz"
    write_archive(folder, path)
    (tmp_path / "model.tar.gz.sha256").unlink()
    whole = path.read_bytes()
    for place in range(len(whole) // 4, len(whole) * 3 // 4, len(whole) // 20):
        path.write_bytes(whole[:place] + bytes([255] * 100) + whole[place + 100 :])
        with pytest.raises(ValueError, match="can't be unpacked"):
            unpack_archive(path, tmp_path / "unpacked")
