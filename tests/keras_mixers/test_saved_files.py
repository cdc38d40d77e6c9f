"""Files that commit a1d7152 saved, before the layers' modules moved, load and compute the same.

Three models of 16 x 16 images with weights of numpy's default_rng(0): a ConvMixer, an MLP-Mixer,
and T2T-ViT's layers in sequence. `expected.npz` holds images and what that commit computed.
"""

from pathlib import Path

import keras
import numpy as np
import pytest

import keras_mixers  # noqa: F401  Registers the layers.
from tests.helpers.rounding import assert_close, roundings_in

SAVED = Path(__file__).parents[1] / "data" / "saved_by_a1d7152"


@pytest.mark.parametrize("name", ["conv_mixer", "mlp_mixer", "t2t_layers"])
def test_a_file_of_the_former_layout_computes_the_same(name: str) -> None:
    with np.load(SAVED / "expected.npz") as expected:
        images, wanted = expected["images"], expected[name]
    model = keras.models.load_model(SAVED / f"{name}.keras")
    assert_close(model(images.astype("float32")), wanted, roundings_in(model.weights))
