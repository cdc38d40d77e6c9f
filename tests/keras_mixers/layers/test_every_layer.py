"""No layer of the library goes untested."""

from pathlib import Path

import keras
import pytest

import keras_mixers
from keras_mixers import layers

ANY_RANK = ("Affine", "LayerNorm", "LayerScale")
LAYERS = {
    name: value
    for name, value in vars(layers).items()
    if isinstance(value, type) and issubclass(value, keras.layers.Layer)
}


@pytest.mark.parametrize("name", sorted(LAYERS))
def test_has_its_file_its_test_and_its_documentation(name: str) -> None:
    layer = LAYERS[name]
    stem = keras.src.utils.naming.to_snake_case(name)
    assert layer.__module__ == f"keras_mixers.layers.{stem}"
    text = (Path(__file__).parent / f"test_{stem}.py").read_text()
    assert "run_layer_test(" in text
    assert getattr(keras_mixers, name) is layer
    for part in ("Example:", "Reference:", ">>> ", "(..., C)" if name in ANY_RANK else "(B, "):
        assert part in layer.__doc__
    assert keras.saving.get_registered_name(layer) == f"keras_mixers>{name}"


def test_all_nineteen_are_there() -> None:
    assert len(LAYERS) == 19
