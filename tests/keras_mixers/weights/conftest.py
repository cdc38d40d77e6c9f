"""A cache of its own, and a server that holds the golden files under the real names."""

from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest

from keras_mixers.catalogue.sources import find_source
from tests.keras_mixers.weights.downloads import RELEASED
from tests.keras_mixers.weights.file_server import FileServer, serve
from tests.keras_mixers.weights.golden import DATA


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "cache"
    monkeypatch.setenv("KERAS_MIXERS_CACHE", str(folder))
    monkeypatch.delenv("KERAS_MIXERS_WEIGHTS_URL", raising=False)
    for protocol in ("http", "https", "all"):
        monkeypatch.delenv(f"{protocol}_proxy", raising=False)
        monkeypatch.delenv(f"{protocol}_proxy".upper(), raising=False)
    return folder


@pytest.fixture
def server(cache: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[FileServer]:
    files = {find_source(*key).file: (DATA / file).read_bytes() for key, file in RELEASED.items()}
    with serve(files) as server:
        monkeypatch.setenv("KERAS_MIXERS_WEIGHTS_URL", server.url)
        yield server


@pytest.fixture
def waits(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Seconds that pooch would have slept before it tried again."""
    slept: list[float] = []
    monkeypatch.setattr("pooch.core.time", SimpleNamespace(sleep=slept.append))
    return slept
