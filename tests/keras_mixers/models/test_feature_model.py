"""Models without top, and maps from the middle of a model."""

from pathlib import Path

import keras
import numpy as np
import pytest

import keras_mixers as km
from tests.helpers.rounding import assert_close, roundings_in
from tests.helpers.tiny_models import SHAPE, build

IMAGES = np.random.default_rng(0).integers(0, 256, (2, *SHAPE), "uint8")


@pytest.mark.parametrize(
    ("name", "shape"),
    [
        ("conv_mixer", (None, 8, 12, 8)),
        ("mlp_mixer", (None, 24, 8)),
        ("t2t_vit_performer", (None, 7, 16)),
        ("vit", (None, 25, 16)),
        ("vit_average", (None, 24, 16)),
        ("deit_distilled", (None, 26, 16)),
        ("res_mlp", (None, 24, 8)),
        ("gmlp", (None, 24, 8)),
    ],
)
def test_without_top_and_pooled(name: str, shape: tuple) -> None:
    model = build(name, include_top=False)
    assert model.output_shape == shape
    features = np.asarray(model(IMAGES))
    class_tokens = {"t2t_vit_performer": 1, "vit": 1, "deit_distilled": 2}.get(name, 0)
    features = features[:, class_tokens:]  # Class tokens are not pooled.
    features = features.reshape(2, -1, shape[-1])
    roundings = roundings_in(model.weights) + features.shape[1]
    for pooling, expected in (("avg", features.mean(axis=1)), ("max", features.max(axis=1))):
        pooled = build(name, include_top=False, pooling=pooling)
        pooled.set_weights(model.get_weights())
        assert_close(pooled(IMAGES), expected, roundings)


@pytest.mark.parametrize(
    ("name", "grid"),
    [
        ("conv_mixer", (8, 12)),
        ("mlp_mixer", (4, 6)),
        ("t2t_vit_transformer", (2, 3)),
        ("vit", (4, 6)),
        ("vit_average", (4, 6)),
        ("deit_distilled", (4, 6)),
        ("res_mlp", (4, 6)),
        ("gmlp", (4, 6)),
    ],
)
def test_named_outputs_are_maps(name: str, grid: tuple[int, int]) -> None:
    model = build(name, drop_rate=0.1) if name != "conv_mixer" else build(name)
    features = km.feature_model(model, ["block_0", "block_1"])([IMAGES])
    assert list(features) == ["block_0", "block_1"]
    channels = 16 if name.startswith(("t2t", "vit", "deit")) else 8
    for block in features:
        assert features[block].shape == (2, *grid, channels)
    tokens = km.feature_model(model, ["block_1"]).inputs
    assert tokens[0] is model.inputs[0]


def test_the_map_of_the_last_block_is_what_the_top_reads() -> None:
    model = build("mlp_mixer", include_top=False)
    last = np.asarray(km.feature_model(model, ["norm"])([IMAGES])["norm"])
    assert_close(last.reshape(2, 24, 8), model(IMAGES), roundings_in(model.weights))


def test_maps_of_the_soft_splits_have_their_own_grids() -> None:
    model = build("t2t_vit_performer")
    names = ["token_mixer_0", "token_mixer_1", "patch_embed", "position"]
    maps = km.feature_model(model, names).predict(IMAGES, verbose=0)
    assert [maps[name].shape[1:3] for name in names] == [(8, 12), (4, 6), (2, 3), (2, 3)]


def test_feature_model_shares_weights_and_survives_saving(tmp_path: Path) -> None:
    model = build("t2t_vit_performer")
    features = km.feature_model(model, ["block_1"])
    assert features.weights[0] is model.weights[0]
    features.save(tmp_path / "features.keras")
    loaded = keras.models.load_model(tmp_path / "features.keras")
    np.testing.assert_array_equal(loaded([IMAGES])["block_1"], features([IMAGES])["block_1"])


def test_bad_names() -> None:
    model = build("mlp_mixer")
    with pytest.raises(ValueError, match="no layer 'blok_1'; did you mean block_1"):
        km.feature_model(model, ["blok_1"])
    with pytest.raises(ValueError, match="neither a map"):
        km.feature_model(model, ["head"])
    with pytest.raises(ValueError, match="must be a list of names"):
        km.feature_model(model, "block_1")
    with pytest.raises(ValueError, match="must be a list of names"):
        km.feature_model(model, [])


def test_an_output_without_positions_of_a_network_for_any_size() -> None:
    model = km.ConvMixer(8, 1, patch_size=2, kernel_size=3, classes=2, input_shape=(None, None, 3))
    with pytest.raises(ValueError, match="neither a map"):
        km.feature_model(model, ["head"])
