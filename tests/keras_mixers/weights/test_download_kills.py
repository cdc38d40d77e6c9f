"""Downloads that are killed at random moments hinder none of those after them."""

import random
import time
from pathlib import Path

import pytest

from keras_mixers.weights.download import fetch
from tests.keras_mixers.weights import file_server as server_that
from tests.keras_mixers.weights.downloads import (
    CONTENT,
    HANGS,
    SOURCE,
    STAGING,
    left_in,
    start_child,
)
from tests.keras_mixers.weights.file_server import FileServer

pytestmark = pytest.mark.damage
KILLS = 8


def test_killed_at_random_moments(server: FileServer, cache: Path) -> None:
    chance, partly = random.Random(), 0
    for _ in range(KILLS):
        server.answers = [server_that.slowly]
        before = len(server.requests)
        process = start_child("fetch(source)")
        while len(server.requests) == before:
            assert process.poll() is None
            time.sleep(0.001)
        time.sleep(chance.uniform(0, 0.7))
        process.kill()
        process.communicate(timeout=HANGS)
        server.answers = []
        left = left_in(cache)
        assert left in ([], [STAGING], [SOURCE.file], [STAGING, SOURCE.file])
        partly += left == [STAGING]
        assert fetch(SOURCE).read_bytes() == CONTENT
        assert [name for name in left_in(cache) if name != STAGING] == [SOURCE.file]
        (cache / SOURCE.file).unlink()
    print(f"downloads: {KILLS} kills, {partly} of which left a part of a file")
    fetch(SOURCE)
    assert left_in(cache) == [SOURCE.file]
