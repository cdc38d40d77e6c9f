"""A cache of each test's own, no network and a data set of several files."""

import socket

import pytest
import tensorflow_datasets as tfds

from tests.training.data.samples import ManyFiles


@pytest.fixture(autouse=True)
def cache(tmp_path_factory, monkeypatch):
    """Return a cache of the test's own."""
    path = tmp_path_factory.mktemp("cache")
    monkeypatch.setenv("KERAS_MIXERS_CACHE", str(path))
    return path


@pytest.fixture(autouse=True)
def offline(monkeypatch):
    """Refuse every connection but those to this machine."""
    connect = socket.socket.connect

    def local(self, address):
        host = address[0] if isinstance(address, tuple) else "127.0.0.1"
        assert host == "127.0.0.1", f"a connection to {host} was tried"
        return connect(self, address)

    monkeypatch.setattr(socket.socket, "connect", local)


@pytest.fixture(scope="session")
def many_files(tmp_path_factory):
    """Return a folder in which `many_files` is prepared, in five files."""
    folder = tmp_path_factory.mktemp("tfds")
    builder = ManyFiles(data_dir=folder)
    tfds.disable_progress_bar()
    config = tfds.download.DownloadConfig(try_download_gcs=False, num_shards=5)
    builder.download_and_prepare(download_config=config)
    return folder
