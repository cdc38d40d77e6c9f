"""Downloads from a server on this machine, a local folder, the cache, processes side by side."""

import errno
import io
import os
import signal
import sys
import threading
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from keras_mixers.catalogue.sources import find_source
from keras_mixers.weights.download import fetch
from tests.keras_mixers.weights import file_server as server_that
from tests.keras_mixers.weights.downloads import (
    CONTENT,
    HANGS,
    RELEASED,
    SOURCE,
    STAGING,
    error_of,
    every_release,
    left_in,
    start_child,
)
from tests.keras_mixers.weights.file_server import FileServer
from tests.keras_mixers.weights.golden import DATA


@every_release
def test_every_container_is_downloaded_once(
    key: tuple[str, str], server: FileServer, cache: Path
) -> None:
    source = find_source(*key)
    path = fetch(source)
    assert path == cache / source.file
    assert path.read_bytes() == (DATA / RELEASED[key]).read_bytes()
    assert fetch(source) == path
    assert server.requests == [source.file]
    assert left_in(cache) == [source.file]


def test_torch_files_from_before_zip(server: FileServer, tmp_path: Path) -> None:
    source = find_source("t2t_vit_14", "cifar100")
    old = tmp_path / "old.pth"
    torch.save({"net": {"a": torch.zeros(2)}}, old, _use_new_zipfile_serialization=False)
    server.files[source.file] = old.read_bytes()
    assert fetch(source).read_bytes() == old.read_bytes()


def test_without_a_mirror_the_published_address_is_asked(
    server: FileServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("KERAS_MIXERS_WEIGHTS_URL")
    path = "mixer_models/imagenet1k/Mixer-B_16.npz"
    server.files[path] = CONTENT
    assert SOURCE.url == f"https://storage.googleapis.com/{path}"
    published = replace(SOURCE, url=f"{server.url}/{path}")
    assert fetch(published).name == "imagenet1k-Mixer-B_16.npz"
    assert server.requests == [path]


def test_a_mirror_in_a_folder_of_its_server(
    server: FileServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.files[f"weights/{SOURCE.file}"] = CONTENT
    for address in (f"{server.url}/weights", f"{server.url}/weights/"):
        monkeypatch.setenv("KERAS_MIXERS_WEIGHTS_URL", address)
        fetch(SOURCE).unlink()
    assert server.requests == [f"weights/{SOURCE.file}"] * 2


def test_others_may_read_a_shared_cache(server: FileServer) -> None:
    assert fetch(SOURCE).stat().st_mode & 0o777 == 0o644


def test_one_of_two_processes_downloads_and_the_other_waits(
    server: FileServer, cache: Path
) -> None:
    started, go_on = threading.Event(), threading.Event()
    server.answers = [server_that.pausing(lambda: (started.set(), go_on.wait(HANGS)))]
    first = start_child("print(fetch(source))")
    assert started.wait(HANGS)
    second = start_child("print(fetch(source))")
    assert (
        second.stderr.readline()
        == f"Another process is downloading {SOURCE.file}; waiting for it.\n"
    )
    assert left_in(cache) == [STAGING]
    go_on.set()
    for child in (first, second):
        output, errors = child.communicate(timeout=HANGS)
        assert (child.returncode, output) == (0, f"{cache / SOURCE.file}\n"), errors
    assert errors == ""
    assert server.requests == [SOURCE.file]
    assert left_in(cache) == [SOURCE.file]
    assert (cache / SOURCE.file).read_bytes() == CONTENT


def test_whoever_waits_for_a_process_that_is_killed_downloads(
    server: FileServer, cache: Path
) -> None:
    started, killed = threading.Event(), threading.Event()
    server.answers = [server_that.pausing(lambda: (started.set(), killed.wait(HANGS)))]
    first = start_child("fetch(source)")
    assert started.wait(HANGS)
    second = start_child("print(fetch(source))")
    assert "waiting for it" in second.stderr.readline()
    first.kill()
    output, errors = second.communicate(timeout=HANGS)
    killed.set()
    assert (second.returncode, output) == (0, f"{cache / SOURCE.file}\n"), errors
    first.communicate(timeout=HANGS)
    assert left_in(cache) == [SOURCE.file]
    assert (cache / SOURCE.file).read_bytes() == CONTENT


def test_a_killed_process_leaves_nothing_that_hinders(server: FileServer, cache: Path) -> None:
    started, killed = threading.Event(), threading.Event()
    server.answers = [server_that.pausing(lambda: (started.set(), killed.wait(HANGS)))]
    child = start_child("fetch(source)")
    assert started.wait(HANGS)
    child.kill()
    child.communicate(timeout=HANGS)
    killed.set()
    assert left_in(cache) == [STAGING]
    assert fetch(SOURCE).read_bytes() == CONTENT
    assert left_in(cache) == [SOURCE.file]


def test_a_cache_that_is_read_only_is_used(
    server: FileServer, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = fetch(SOURCE)

    def refuse(*arguments: object, **options: object) -> None:  # root is refused nothing
        raise AssertionError("Something is written.")

    for name in ("mkdir", "rename", "replace", "unlink"):
        monkeypatch.setattr(Path, name, refuse)
    assert fetch(SOURCE) == path


def test_an_interrupted_process_leaves_nothing(server: FileServer, cache: Path) -> None:
    started, interrupted = threading.Event(), threading.Event()
    server.answers = [
        server_that.pausing(lambda: (started.set(), interrupted.wait(HANGS))),
    ]
    child = start_child(
        "import signal\n"
        "signal.signal(signal.SIGINT, signal.default_int_handler)\n"
        "print(source.file, flush=True)\n"
        "fetch(source)"
    )
    assert started.wait(HANGS)
    child.send_signal(signal.SIGINT)
    _, errors = child.communicate(timeout=HANGS)
    interrupted.set()
    assert "KeyboardInterrupt" in errors
    assert left_in(cache) == []


def test_a_full_disk(server: FileServer, cache: Path) -> None:
    child = start_child(
        "import resource\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (5000, 5000))\n"
        "try:\n"
        "    fetch(source)\n"
        "except OSError as error:\n"
        "    print(type(error).__name__, error)"
    )
    output, errors = child.communicate(timeout=HANGS)
    assert output == (
        f"DownloadError The cache folder {str(cache)!r} can't hold {SOURCE.file} "
        f"({os.strerror(errno.EFBIG)}); set KERAS_MIXERS_CACHE to another folder.\n"
    ), errors
    assert left_in(cache) == []


def test_a_local_folder_is_used_in_place(
    cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KERAS_MIXERS_WEIGHTS_URL", "~/weights")
    monkeypatch.setenv("HOME", str(tmp_path))
    path = tmp_path / "weights" / SOURCE.file
    assert error_of() == (
        f"KERAS_MIXERS_WEIGHTS_URL names the folder {str(path.parent)!r}, where "
        f"'imagenet1k-Mixer-B_16.npz' is missing; put {SOURCE.url} there under this name."
    )
    path.parent.mkdir()
    path.write_bytes(server_that.PAGE)
    assert error_of() == (
        f"{path} is a web page instead of a .npz file; replace it with {SOURCE.url}."
    )
    path.write_bytes(CONTENT)
    assert fetch(SOURCE) == path
    assert not cache.exists()


def test_the_cache_is_where_pooch_users_look(
    server: FileServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("KERAS_MIXERS_CACHE")
    monkeypatch.setattr("pooch.os_cache", lambda project: tmp_path / "caches" / project)
    assert fetch(SOURCE) == tmp_path / "caches" / "keras_mixers" / SOURCE.file


@pytest.mark.parametrize("terminal", [True, False])
def test_progress_on_a_terminal_alone(
    terminal: bool, server: FileServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    screen = io.StringIO()
    screen.isatty = lambda: terminal
    monkeypatch.setattr(sys, "stderr", screen)
    fetch(SOURCE)
    assert ("100%" in screen.getvalue()) == terminal
