"""The most memory that training has held."""

import os
import sys

import numpy as np
import pytest
import tensorflow as tf

from training.run.peak_memory import peak_memory


@pytest.mark.skipif(sys.platform != "linux", reason="reads what Linux tells")
def test_what_the_process_has_held_is_kept() -> None:
    block = np.ones(100_000_000, "uint8")
    held = peak_memory()
    assert held is not None
    assert block.nbytes < held < os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    del block
    assert peak_memory() == pytest.approx(held, rel=0.01)


def test_a_gpu_tells_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    info = {"GPU:0": {"current": 7, "peak": 12}}
    monkeypatch.setattr(tf.config, "list_logical_devices", lambda kind: [kind])
    monkeypatch.setattr(tf.config.experimental, "get_memory_info", info.__getitem__)
    assert peak_memory() == 12
