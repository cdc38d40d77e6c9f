"""Every function that loads a SavedModel asks whether it is trusted."""

import re
from collections.abc import Callable
from pathlib import Path

import keras
import numpy as np
import pytest
from keras.src.saving.serialization_lib import SafeModeScope

from hub_export.archive import write_archive
from hub_export.saved_model.hub_layer import HubLayer
from hub_export.trust import UntrustedModelError
from hub_export.verification.verify import verify
from keras_mixers import ConvMixer
from tests.helpers.hostile_programs import CLASSES, SHAPE, write_file_writer
from training.evaluation.load_model import load_model

IMAGES = np.zeros((2, *SHAPE), "uint8")


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A SavedModel that writes a file, with an archive of it, and the file."""
    folder = tmp_path_factory.mktemp("writer")
    write_file_writer(folder / "a", folder / "target")
    write_archive(folder / "a", folder / "a.tar.gz")
    return folder / "a", folder / "target"


def by_load_model(path: Path, trust: bool) -> None:
    load_model(path, trust=trust).scores(IMAGES)


def by_verify(path: Path, trust: bool) -> None:
    verify(path, ConvMixer(4, 1, 4, 3, input_shape=SHAPE, classes=CLASSES), IMAGES, trust=trust)


def by_layer(path: Path, trust: bool) -> None:
    HubLayer(path, trust=trust)(IMAGES.astype("float32"))


@pytest.mark.parametrize(
    ("load", "end"),
    [
        (by_load_model, ""),
        (by_load_model, ".tar.gz"),
        (by_verify, ""),
        (by_verify, ".tar.gz"),
        (by_layer, ""),
    ],
)
def test_every_way_in_asks_for_trust(
    written: tuple[Path, Path], load: Callable[[Path, bool], None], end: str
) -> None:
    folder, target = written
    path = folder.with_name(f"a{end}")
    target.unlink(missing_ok=True)
    said = rf"^'?{re.escape(str(path))}'? has .* compute: 'WriteFile'; if you .* pass --trust,"
    with pytest.raises(UntrustedModelError, match=said):
        load(path, False)
    assert not target.exists()
    load(path, True)
    assert target.read_text() == "owned"


def test_a_layer_s_file_keeps_whether_it_is_trusted(
    written: tuple[Path, Path], tmp_path: Path
) -> None:
    layer = HubLayer(written[0], trust=True)
    keras.Sequential([keras.Input(SHAPE), layer]).save(tmp_path / "a.keras")
    keras.saving.load_model(tmp_path / "a.keras", safe_mode=False)
    with SafeModeScope(False), pytest.raises(UntrustedModelError, match="'WriteFile'"):
        HubLayer.from_config({**layer.get_config(), "trust": False})
