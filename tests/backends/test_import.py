"""What a process has that imports Keras and then keras_mixers alone."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from tests.helpers.tiny_models import BUILDERS, SHAPE, build

PROGRAM = """
import json, sys
import keras
before = set(sys.modules)
import keras_mixers
new = {name.split(".")[0] for name in set(sys.modules) - before}
print(json.dumps([sorted(new - set(sys.stdlib_module_names)), sorted(sys.modules)]))
"""
LOAD = """
import numpy
from pathlib import Path
folder = Path(sys.argv[1])
images = numpy.load(folder / "images.npy")
for file in folder.glob("*.keras"):
    model = keras.models.load_model(file, safe_mode=True)
    numpy.save(folder / f"{file.stem}.npy", model(images))
"""


def run(backend: str, program: str, *arguments: Path) -> tuple[list[str], list[str]]:
    """Return the packages that keras_mixers added to Keras's, and all modules."""
    done = subprocess.run(
        [sys.executable, "-c", program, *map(str, arguments)],
        env={**os.environ, "KERAS_BACKEND": backend},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    packages, modules = json.loads(done.stdout.splitlines()[-1])
    return packages, modules


def test_adds_no_package_and_loads_saved_models_with_the_same_bits(tmp_path: Path) -> None:
    images = np.random.default_rng(0).integers(0, 256, (2, *SHAPE), "uint8")
    np.save(tmp_path / "images.npy", images)
    models = {name: build(name) for name in BUILDERS}
    for name, model in models.items():
        model.save(tmp_path / f"{name}.keras")
    packages, _ = run("tensorflow", PROGRAM + LOAD, tmp_path)
    assert packages == ["keras_mixers"]
    for name, model in models.items():
        np.testing.assert_array_equal(np.load(tmp_path / f"{name}.npy"), model(images))


@pytest.mark.backends
@pytest.mark.parametrize("backend", ["jax", "torch"])
def test_other_backends_run_without_tensorflow(backend: str) -> None:
    packages, modules = run(backend, PROGRAM)
    assert packages == ["keras_mixers"]
    assert backend in modules
    assert "tensorflow" not in modules
