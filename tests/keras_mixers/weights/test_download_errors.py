"""Downloads that fail: one clear line each, and nothing in the cache."""

import errno
import hashlib
import os
import threading
from dataclasses import replace
from pathlib import Path

import pytest

from keras_mixers.catalogue.sources import find_source
from keras_mixers.weights.download import fetch
from keras_mixers.weights.released_file import find_fault
from tests.keras_mixers.weights import file_server as server_that
from tests.keras_mixers.weights.downloads import (
    CONTENT,
    RELEASED,
    SOURCE,
    error_of,
    every_release,
    left_in,
)
from tests.keras_mixers.weights.file_server import FileServer, serve
from tests.keras_mixers.weights.golden import DATA


def test_not_found_is_not_tried_again(server: FileServer, cache: Path) -> None:
    source = find_source("mixer_l16", "imagenet")
    assert error_of(source) == (
        f"{server.url}/imagenet1k-Mixer-L_16.npz could not be downloaded: the server answered 404 "
        "Client Error: Not Found. Try again, or set KERAS_MIXERS_WEIGHTS_URL to a mirror or to a "
        "folder that holds the file."
    )
    assert len(server.requests) == 1
    assert left_in(cache) == []


def test_a_busy_server_is_asked_three_times(
    server: FileServer, cache: Path, waits: list[float]
) -> None:
    server.answers = [server_that.busy] * 3
    assert "the server answered 503 Server Error" in error_of()
    assert len(server.requests) == 3
    assert waits == [1, 2]
    assert left_in(cache) == []


@every_release
def test_a_web_page_does_not_enter_the_cache(
    key: tuple[str, str], server: FileServer, cache: Path
) -> None:
    source = find_source(*key)
    server.answers = [server_that.page]
    assert (
        f"the downloaded file is a web page instead of a {Path(source.file).suffix} file"
        in error_of(source)
    )
    assert len(server.requests) == 1
    assert left_in(cache) == []


@every_release
@pytest.mark.parametrize(
    "start", [b"version https://git-lfs.github.com/spec/v1\n", b"{}", b"\0" * 8]
)
def test_nor_does_anything_else(
    start: bytes, key: tuple[str, str], server: FileServer, cache: Path
) -> None:
    source = find_source(*key)
    for content in (start, start + server.files[source.file]):
        server.files[source.file] = content
        ending = Path(source.file).suffix
        assert f"the downloaded file is not a {ending} file, or is incomplete." in error_of(source)
    assert left_in(cache) == []


def test_nothing_came(server: FileServer, cache: Path) -> None:
    server.files[SOURCE.file] = b""
    assert "the downloaded file is not a .npz file" in error_of()
    assert left_in(cache) == []


def test_what_was_cut_is_downloaded_again(
    server: FileServer, cache: Path, waits: list[float]
) -> None:
    server.answers = [server_that.cut]
    assert fetch(SOURCE).read_bytes() == CONTENT
    assert server.requests == [SOURCE.file] * 2
    assert waits == [1]
    assert left_in(cache) == [SOURCE.file]


def test_what_is_always_cut_leaves_nothing(
    server: FileServer, cache: Path, waits: list[float]
) -> None:
    server.answers = [server_that.cut] * 3
    assert f"{SOURCE.file} could not be downloaded: the connection broke off." in error_of()
    assert left_in(cache) == []
    assert fetch(SOURCE).read_bytes() == CONTENT


@every_release
def test_half_a_file_of_unknown_length(
    key: tuple[str, str], server: FileServer, cache: Path
) -> None:
    source = find_source(*key)
    server.answers = [server_that.cut_without_length]
    assert "the downloaded file is not a" in error_of(source)
    assert left_in(cache) == []


def test_size_and_checksum_are_compared(server: FileServer, cache: Path) -> None:
    sha256 = hashlib.sha256(CONTENT).hexdigest()
    other = "0" * 64
    assert f"the downloaded file has the sha256 {sha256} instead of {other}" in error_of(
        replace(SOURCE, size=len(CONTENT), sha256=other)
    )
    assert f"the downloaded file has {len(CONTENT)} bytes instead of 7" in error_of(
        replace(SOURCE, size=7)
    )
    assert len(server.requests) == 2
    assert left_in(cache) == []
    known = replace(SOURCE, size=len(CONTENT), sha256=sha256)
    assert fetch(known).read_bytes() == CONTENT
    # What is in the cache is compared too.
    assert error_of(replace(SOURCE, sha256=other)).startswith(
        f"{cache / SOURCE.file} has the sha256"
    )


def test_a_damaged_cache_is_the_users_to_clear(server: FileServer, cache: Path) -> None:
    path = fetch(SOURCE)
    path.write_bytes(CONTENT[:-100])
    assert error_of() == (
        f"{path} is not a .npz file, or is incomplete; remove it, and it will be downloaded again."
    )
    path.unlink()
    path.mkdir()
    assert error_of().startswith(f"{path} can't be read (Is a directory)")
    assert len(server.requests) == 1


def test_a_cache_that_can_not_be_made(
    server: FileServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("KERAS_MIXERS_CACHE", str(tmp_path / "file" / "cache"))
    assert f"can't hold {SOURCE.file} (Not a directory); set KERAS_MIXERS_CACHE" in error_of()
    monkeypatch.setenv("KERAS_MIXERS_CACHE", str(tmp_path / "file"))
    assert f"can't hold {SOURCE.file} (File exists); set KERAS_MIXERS_CACHE" in error_of()
    assert server.requests == []


def test_a_cache_without_leave_to_write(
    server: FileServer, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*arguments: object, **options: object) -> None:  # root is refused nothing
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))

    cache.mkdir()
    monkeypatch.setattr("keras_mixers.atomic_files.FileLock.acquire", refuse)
    assert f"can't hold {SOURCE.file} (Permission denied); set KERAS_MIXERS_CACHE" in error_of()


def test_no_connection(cache: Path, monkeypatch: pytest.MonkeyPatch, waits: list[float]) -> None:
    with serve({}) as gone:
        address = gone.url
    monkeypatch.setenv("KERAS_MIXERS_WEIGHTS_URL", address)
    assert "could not be downloaded: there is no connection, or it stalled. Try again" in error_of()
    assert waits == [1, 2]
    assert left_in(cache) == []


def test_a_server_that_falls_silent(
    server: FileServer, cache: Path, waits: list[float], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pooch.downloaders.DEFAULT_TIMEOUT", 0.2)
    given_up = threading.Event()
    server.answers = [lambda handler, content: given_up.wait(60)] * 3
    assert "could not be downloaded: no answer came in time." in error_of()
    # Long enough for the server to send half of the file, even on a busy machine.
    monkeypatch.setattr("pooch.downloaders.DEFAULT_TIMEOUT", 2)
    monkeypatch.setattr("keras_mixers.weights.download._RETRIES", 0)
    server.answers = [server_that.pausing(lambda: given_up.wait(60))]
    assert "could not be downloaded: there is no connection, or it stalled." in error_of()
    given_up.set()
    assert left_in(cache) == []


def test_no_secure_connection(
    server: FileServer, waits: list[float], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KERAS_MIXERS_WEIGHTS_URL", server.url.replace("http:", "https:"))
    assert "could not be downloaded: there is no secure connection." in error_of()


@pytest.mark.parametrize(
    ("address", "message"),
    [
        ("ftp://127.0.0.1/", "must be an address with http:// or https://, or a local folder"),
        ("http://", "could not be downloaded: Invalid URL"),
        (f"http://{'a' * 64}.com", "could not be downloaded: Failed to parse"),
    ],
)
def test_odd_addresses(
    address: str, message: str, cache: Path, monkeypatch: pytest.MonkeyPatch, waits: list[float]
) -> None:
    monkeypatch.setenv("KERAS_MIXERS_WEIGHTS_URL", address)
    assert message in error_of()


def test_faults_are_of_the_container_that_was_released(tmp_path: Path) -> None:
    for file in RELEASED.values():
        path = tmp_path / file
        path.write_bytes((DATA / file).read_bytes())
        for key in RELEASED:
            source = find_source(*key)
            fits = (file.endswith(".safetensors")) == (source.file.endswith(".safetensors"))
            assert (find_fault(path, source) is None) == fits
    assert find_fault(tmp_path / "none", SOURCE) == "can't be read (No such file or directory)"
