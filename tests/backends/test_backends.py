"""The same models give the same numbers on TensorFlow, JAX and torch."""

import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from tests.helpers.backend_gradients import PAIRS
from tests.helpers.rounding import assert_all_close, assert_close
from tests.helpers.tiny_models import BUILDERS
from tests.keras_mixers.weights.golden import GOLDEN, reference

pytestmark = pytest.mark.backends

BACKENDS = ("tensorflow", "jax", "torch")
ROOT = Path(__file__).parents[2]
Arrays = dict[str, np.ndarray]


def compute(backend: str, *folders: Path) -> Arrays:
    folders[0].mkdir()
    done = subprocess.run(
        [sys.executable, "-m", "tests.backends.compute", *map(str, folders)],
        env={**os.environ, "KERAS_BACKEND": backend},
        cwd=ROOT,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    with np.load(folders[0] / "arrays.npz") as content:
        return dict(content)


@pytest.fixture(scope="module")
def computed(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Arrays]:
    """What each backend computed; all but TensorFlow read TensorFlow's `.keras` files as well."""
    folder = tmp_path_factory.mktemp("backends")
    first, *others = BACKENDS
    results = {first: compute(first, folder / first)}
    with ThreadPoolExecutor() as executor:
        found = executor.map(lambda name: compute(name, folder / name, folder / first), others)
        return results | dict(zip(others, found, strict=True))


@pytest.mark.parametrize("backend", BACKENDS)
def test_it_was_this_backend(computed: dict[str, Arrays], backend: str) -> None:
    assert str(computed[backend]["backend"]) == backend
    assert backend in computed[backend]["modules"]


@pytest.mark.parametrize("backend", ["jax", "torch"])
@pytest.mark.parametrize("name", BUILDERS)
def test_logits_are_those_of_tensorflow(
    computed: dict[str, Arrays], name: str, backend: str
) -> None:
    expected = computed["tensorflow"][f"{name}/logits"]
    roundings = int(computed["tensorflow"][f"{name}/roundings"])
    assert expected.shape == (4, 5)
    assert np.ptp(expected, axis=0).min() > 0.01  # They depend on the image.
    for key in ("logits", "of_other"):
        assert_close(computed[backend][f"{name}/{key}"], expected, roundings)


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("name", BUILDERS)
def test_saved_model_gives_the_same_bits(
    computed: dict[str, Arrays], name: str, backend: str
) -> None:
    arrays = computed[backend]
    np.testing.assert_array_equal(arrays[f"{name}/loaded"], arrays[f"{name}/logits"])


@pytest.mark.parametrize("backend", ["jax", "torch"])
@pytest.mark.parametrize("name", BUILDERS)
def test_pictures_are_those_of_tensorflow(
    computed: dict[str, Arrays], name: str, backend: str
) -> None:
    expected = {
        key: array
        for key, array in computed["tensorflow"].items()
        if key.startswith(f"{name}/pictures/")
    }
    has_attention = name.startswith(("t2t", "vit", "deit"))
    assert len(expected) == (4 if has_attention else 3)
    for key, array in expected.items():
        # Forward and back.
        roundings = 2 * int(computed[backend][f"{name}/roundings"])
        assert np.ptp(array) > 0.01
        assert_close(computed[backend][key], array, roundings)


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("name", BUILDERS)
def test_training_step(computed: dict[str, Arrays], name: str, backend: str) -> None:
    arrays = computed[backend]
    loss, trained = arrays[f"{name}/loss"], arrays[f"{name}/trained"]
    assert np.isfinite(loss)
    assert np.all(np.isfinite(trained))
    assert np.abs(trained - arrays[f"{name}/logits"]).max() > 1e-3
    # The Performer has dropout, whose draws differ between the backends.
    if name != "t2t_vit_performer":
        expected = computed["tensorflow"][f"{name}/loss"]
        assert_close(loss, expected, int(arrays[f"{name}/roundings"]))


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("checkpoint", GOLDEN)
def test_released_checkpoints(computed: dict[str, Arrays], checkpoint: str, backend: str) -> None:
    found = computed[backend][f"golden/{checkpoint}"]
    roundings = int(computed[backend][f"golden/{checkpoint}/roundings"])
    assert_close(found, reference(checkpoint).logits, roundings)


@pytest.mark.parametrize("backend", ["jax", "torch"])
def test_masks(computed: dict[str, Arrays], backend: str) -> None:
    names = [name for name in computed["tensorflow"] if name.startswith("masked/")]
    assert len(names) == 3
    for name in names:
        expected = computed["tensorflow"][name]
        roundings = int(computed[backend][name.replace("masked", "roundings")])
        assert_close(computed[backend][name], expected, roundings)


@pytest.mark.parametrize("backend", BACKENDS)
def test_drop_path(computed: dict[str, Arrays], backend: str) -> None:
    samples = computed[backend]["drop_path"].reshape(64, -1)
    assert np.all(samples == samples[:, :1])
    assert set(samples[:, 0]) == {0.0, 2.0}


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("name", PAIRS)
def test_our_gradients(computed: dict[str, Arrays], name: str, backend: str) -> None:
    arrays = computed[backend]
    sides = (
        [arrays[key] for key in sorted(arrays) if key.startswith(f"gradients/{name}/{side}/")]
        for side in ("own", "backends")
    )
    found, expected = sides
    assert len(found) == 1 + len(PAIRS[name].shapes)
    # Transforms and sums over 2 x 6 x 9 positions, or an activation's derivative.
    assert_all_close(found, expected, 2 * (3 * (6 + 9 + 7) + 2 * 6 * 9 + 7 * 7))
