"""Checkpoints of ours that timm loads as it loads its own."""

from pathlib import Path

import pytest

import keras_mixers
from tests.helpers import timm_reference
from tests.helpers.timm_variants import TOLERANCE, VARIANTS, random_images, relative_difference
from tests.parity.pairs import SMALLEST, load

pytestmark = pytest.mark.parity


@pytest.mark.parametrize("ending", [".safetensors", ".pth"])
@pytest.mark.parametrize("name", SMALLEST)
def test_timm_loads_what_was_saved(name: str, ending: str, tmp_path: Path) -> None:
    options = {"include_preprocessing": False, "classifier_activation": None}
    ours = keras_mixers.create_model(name, **options)
    load(ours, timm_reference.random_model(VARIANTS[name]), tmp_path)
    path = tmp_path / f"saved{ending}"
    keras_mixers.save_checkpoint(ours, path)
    timm = timm_reference.import_timm()
    # It takes no key that it doesn't know, and misses none.
    theirs = timm.create_model(VARIANTS[name], checkpoint_path=str(path)).eval()
    images = random_images(2)
    expected = timm_reference.logits(theirs, images)
    assert relative_difference(*expected) > 1000 * TOLERANCE
    assert relative_difference(ours.predict_on_batch(images), expected) <= TOLERANCE
