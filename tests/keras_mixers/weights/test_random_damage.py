"""Bytes that flip, go, come or change places: the right numbers are loaded, or CheckpointError.

Zip archives have checksums of all their members, so that nothing wrong can be loaded from them.
What has none can't be detected: in `.safetensors`, in torch's pickles from before torch 1.6 and in
`.h5`, flipped bits may change numbers (or, in their headers, the type of numbers and which are
whose). They must then be finite and fit the model. That an end is missing is detected in all.
"""

from pathlib import Path

import keras
import numpy as np
import pytest
from hypothesis import given, settings

from keras_mixers.weights.load import load_weights
from tests.helpers.damage import Damage, damages
from tests.keras_mixers.weights.damage import (
    CHECKED,
    UNCHECKED,
    load_damaged,
    small_model,
    write_all,
)

# Users see what torch and numpy warn of, and go on.
pytestmark = pytest.mark.filterwarnings("ignore")

model = pytest.fixture(small_model, scope="module")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("whole")
    write_all(folder)
    (folder / "damaged").mkdir()
    return folder


@pytest.fixture(scope="module")
def right(model: keras.Model, folder: Path) -> list[np.ndarray]:
    load_weights(model, folder / "stored.npz")
    return model.get_weights()


def _check(
    name: str, damage: Damage, folder: Path, model: keras.Model, right: list[np.ndarray]
) -> None:
    path = folder / "damaged" / name
    path.write_bytes(damage.apply((folder / name).read_bytes()))
    result = load_damaged(model, path, right)
    if damage.kind == "cut":
        assert result == "refused"
    elif name in CHECKED:
        assert result != "other"


@pytest.mark.parametrize("name", CHECKED + UNCHECKED)
def test_every_format_is_read(
    name: str, folder: Path, model: keras.Model, right: list[np.ndarray]
) -> None:
    assert load_damaged(model, folder / name, right) == "right"


@pytest.mark.parametrize("name", CHECKED + UNCHECKED)
@settings(max_examples=40)
@given(damage=damages)
def test_random_damage(
    name: str, damage: Damage, folder: Path, model: keras.Model, right: list[np.ndarray]
) -> None:
    _check(name, damage, folder, model, right)


@pytest.mark.damage
@pytest.mark.parametrize("name", CHECKED + UNCHECKED)
@settings(max_examples=600)
@given(damage=damages)
def test_much_random_damage(
    name: str, damage: Damage, folder: Path, model: keras.Model, right: list[np.ndarray]
) -> None:
    _check(name, damage, folder, model, right)


@pytest.mark.damage
@pytest.mark.parametrize("name", CHECKED)
def test_every_byte_of_an_archive(
    name: str, folder: Path, model: keras.Model, right: list[np.ndarray]
) -> None:
    size = (folder / name).stat().st_size
    for place in range(size):
        damage = Damage("flip", [(place + 0.5) / size], [1 << place % 8])
        _check(name, damage, folder, model, right)
