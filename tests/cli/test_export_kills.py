"""Exports that are killed at random moments: the target as it was, or whole."""

import random
import shutil
import time
from pathlib import Path

import pytest

from tests.helpers.children import PATIENCE, Child, command, end_all
from tests.helpers.export_models import conv_mixer, perturb

pytestmark = pytest.mark.damage
KILLS = {"hub": 5, "tflite": 7}  # A whole export to a hub takes long.


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("model") / "model.keras"
    model = conv_mixer(name="mine")
    perturb(model)
    model.save(path)
    return path


def _content(target: Path) -> dict[str, bytes]:
    """Return what is in a file or a folder; nothing, if there is none."""
    files = [path for path in (target, *target.rglob("*")) if path.is_file()]
    return {str(path.relative_to(target)): path.read_bytes() for path in files}


def _workers_of(folder: Path) -> list[str]:
    """Return the processes that compare an export in a folder with its model."""
    found = []
    for process in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            arguments = process.read_bytes()
        except OSError:  # It has just ended.
            continue
        if b"hub_export.verification.worker" in arguments and bytes(folder) in arguments:
            found.append(process.parent.name)
    return found


@pytest.mark.parametrize(("format", "name"), [("hub", "out"), ("tflite", "out.tflite")])
def test_killed_at_random_moments(format: str, name: str, model: Path, tmp_path: Path) -> None:
    chance, target, partly = random.Random(), tmp_path / name, 0
    staging = tmp_path / f".{name}-writing"
    arguments = ("export", format, str(model), str(target), "--overwrite")

    def finish() -> None:
        assert [child[0] for child in end_all([Child(command, *arguments)])] == [0]
        assert list(tmp_path.iterdir()) == [target]

    def content() -> dict[str, bytes]:
        # Between two renames, the old one waits to be put back.
        return _content(target) or _content(staging / f".replaced-{name}")

    begun = time.monotonic()
    finish()
    seconds, whole = time.monotonic() - begun, _content(target)
    for number in range(KILLS[format]):
        if number % 2:
            shutil.rmtree(target) if target.is_dir() else target.unlink(missing_ok=True)
        before = content()
        child = Child(command, *arguments)
        time.sleep(chance.uniform(0, seconds))
        child.kill()
        end_all([child])
        partly += staging.exists()
        after = content()
        assert after == before or after.keys() == whole.keys(), (number, after.keys())
        if format == "tflite" and after:
            assert after == whole
        limit = time.monotonic() + PATIENCE
        while _workers_of(tmp_path):
            assert time.monotonic() < limit, "A process goes on without its parent."
            time.sleep(0.05)
    finish()
    assert _content(target).keys() == whole.keys()
    print(f"export {format}: {KILLS[format]} kills, {partly} of which left something to remove")
