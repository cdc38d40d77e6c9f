"""What `import keras_mixers` costs beside `import keras`."""

import json
import os
import subprocess
import sys

import pytest

PROGRAM = """
import json, sys, time
import keras
before = set(sys.modules)
start = time.process_time()  # Of this process alone: a busy machine is no slow import.
import keras_mixers
seconds = time.process_time() - start
new = {name.split(".")[0] for name in set(sys.modules) - before}
print(json.dumps([seconds, sorted(new - set(sys.stdlib_module_names)), sorted(sys.modules)]))
"""


def run(backend: str) -> tuple[float, list[str], list[str]]:
    """Return seconds, packages that keras_mixers added to keras's, and all modules."""
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM],
        env={**os.environ, "KERAS_BACKEND": backend},
        capture_output=True,
        text=True,
        check=True,
    )
    seconds, packages, modules = json.loads(done.stdout.splitlines()[-1])
    return seconds, packages, modules


def test_adds_less_than_50_ms_and_no_package() -> None:
    seconds = []
    while len(seconds) < 4 and min(seconds, default=1.0) >= 0.05:
        once, packages, _ = run("tensorflow")
        assert packages == ["keras_mixers"]
        seconds.append(once)
    assert min(seconds) < 0.05


@pytest.mark.backends
@pytest.mark.parametrize("backend", ["jax", "torch"])
def test_other_backends_run_without_tensorflow(backend: str) -> None:
    _, packages, modules = run(backend)
    assert packages == ["keras_mixers"]
    assert backend in modules
    assert "tensorflow" not in modules
