"""Checkpoints that are saved under the names of timm, of the authors and of Google."""

import resource
from functools import cache
from pathlib import Path

import keras
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import keras_mixers as km
from keras_mixers.weights.layouts import LAYOUTS
from keras_mixers.weights.read import read_checkpoint
from tests.helpers.explained import network, randomised
from tests.helpers.tiny_models import BUILDERS, build
from tests.keras_mixers.weights.golden import DATA, GOLDEN
from tests.keras_mixers.weights.golden import build as build_golden
from tests.keras_mixers.weights.google_vit import in_googles_names

ENDINGS = (".safetensors", ".npz", ".pth")
LAYOUTS_OF = {
    "conv_mixer": ("timm", "authors"),
    "mlp_mixer": ("timm", "google"),
    "t2t_vit_performer": ("authors",),
    "t2t_vit_transformer": ("authors",),
    "vit": ("timm", "google"),
    "vit_average": ("timm", "google"),
    "deit_distilled": ("timm",),
    "res_mlp": ("timm", "authors"),
    "gmlp": ("timm",),
}
SAVED = [(name, layout) for name, layouts in LAYOUTS_OF.items() for layout in layouts]


def origin(checkpoint: str) -> str:
    """Return whose names a golden file has."""
    if checkpoint.startswith("t2t") or "original" in checkpoint:
        return "authors"
    return "google" if "google" in checkpoint else "timm"


def assert_same_arrays(found: dict[str, np.ndarray], expected: dict[str, np.ndarray]) -> None:
    # How many batches torch has seen says nothing about the network.
    names = [name for name in expected if not name.endswith("num_batches_tracked")]
    assert sorted(found) == sorted(names)
    for name in names:
        np.testing.assert_array_equal(found[name], expected[name], strict=True, err_msg=name)


_model_for_files = cache(build)


def blank(name: str) -> keras.Model:
    """Return the same model for all files of a network, each time without a number in it."""
    model = _model_for_files(name)
    for weight in model.weights:
        weight.assign(keras.ops.full_like(weight, np.nan))
    return model


@pytest.mark.parametrize("checkpoint", GOLDEN)
def test_what_the_reference_wrote_is_written_again(checkpoint: str, tmp_path: Path) -> None:
    expected = read_checkpoint(DATA / checkpoint)
    model = build_golden(checkpoint, weights=DATA / checkpoint)
    km.save_checkpoint(model, tmp_path / "again.safetensors", origin(checkpoint))
    assert_same_arrays(read_checkpoint(tmp_path / "again.safetensors"), expected)


def test_googles_names_of_vit_are_written_again(tmp_path: Path) -> None:
    expected = in_googles_names(read_checkpoint(DATA / "vit_timm.safetensors"), heads=3)
    model = build_golden("vit_timm.safetensors", weights=DATA / "vit_timm.safetensors")
    km.save_checkpoint(model, tmp_path / "vit.npz", "google")
    assert_same_arrays(read_checkpoint(tmp_path / "vit.npz"), expected)


def test_every_layout_but_the_one_of_unknown_shapes_can_be_saved() -> None:
    assert LAYOUTS_OF.keys() == BUILDERS.keys()
    assert [layout.name for layout in LAYOUTS if layout.origin is None] == [
        "MLP-Mixer of Google, older names"
    ]


@pytest.mark.parametrize("ending", ENDINGS)
@pytest.mark.parametrize(("name", "layout"), SAVED)
def test_a_saved_file_loads_with_the_same_bits(
    name: str, layout: str, ending: str, tmp_path: Path
) -> None:
    km.save_checkpoint(network(name), tmp_path / f"saved{ending}", layout)
    loaded = blank(name)
    km.load_checkpoint(loaded, tmp_path / f"saved{ending}")
    for weight, other in zip(network(name).weights, loaded.weights, strict=True):
        np.testing.assert_array_equal(weight, other, err_msg=weight.path)


@given(
    saved=st.sampled_from(SAVED),
    depth=st.integers(1, 3),
    rows=st.integers(1, 3),
    channels=st.integers(1, 4),
    top=st.booleans(),
)
def test_any_size_goes_there_and_back(
    saved: tuple[str, str],
    depth: int,
    rows: int,
    channels: int,
    top: bool,
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    name, layout = saved
    # Square ones: a file doesn't say what rows and columns its patches have.
    options = {"input_shape": (16 * rows, 16 * rows, channels), "include_top": top}
    function = BUILDERS[name]
    sizes = (function.args[0], depth)

    def model() -> keras.Model:
        return function.func(*sizes, **{**function.keywords, **options, "classes": 4})

    path = tmp_path_factory.mktemp("saved") / "saved.npz"
    first = randomised(model())
    km.save_checkpoint(first, path, layout)
    second = model()
    km.load_checkpoint(second, path)
    for weight, other in zip(first.weights, second.weights, strict=True):
        np.testing.assert_array_equal(weight, other, err_msg=weight.path)


def test_other_types_are_saved_as_float32(tmp_path: Path) -> None:
    keras.config.set_dtype_policy("bfloat16")
    half = randomised(build("gmlp"))
    km.save_checkpoint(half, tmp_path / "half.npz")
    for array in read_checkpoint(tmp_path / "half.npz").values():
        assert array.dtype == "float32"
    bias = np.asarray(half.get_layer("head").bias).astype("float32")
    np.testing.assert_array_equal(read_checkpoint(tmp_path / "half.npz")["head.bias"], bias)


def test_files_stay_unless_told_otherwise(tmp_path: Path) -> None:
    path = tmp_path / "mine.npz"
    path.write_text("mine")
    with pytest.raises(FileExistsError, match="mine"):
        km.save_checkpoint(network("gmlp"), path)
    assert path.read_text() == "mine"
    km.save_checkpoint(network("gmlp"), path, overwrite=True)
    assert "head.bias" in read_checkpoint(path)


def test_what_cannot_be_saved_is_refused(tmp_path: Path) -> None:
    mixer, path = network("mlp_mixer"), tmp_path / "mixer.npz"
    with pytest.raises(km.CheckpointError, match="no layout 'authors'; its files are of 'timm' or"):
        km.save_checkpoint(mixer, path, "authors")
    with pytest.raises(ValueError, match=r"layout must be one of \('timm', .*; received 'torch'"):
        km.save_checkpoint(mixer, path, "torch")
    with pytest.raises(ValueError, match=r"must end in one of \.safetensors, \.npz, \.pth"):
        km.save_checkpoint(mixer, tmp_path / "mixer.h5")
    own = keras.Sequential([keras.Input((4,)), keras.layers.Dense(2)], name="own")
    with pytest.raises(km.CheckpointError, match="'own' is not as a model function"):
        km.save_checkpoint(own, path)
    broken = build("mlp_mixer")
    broken.get_layer("head").bias.assign([0, 1, np.nan, 2, 3])
    with pytest.raises(km.CheckpointError, match="'mlp_mixer' holds NaN or infinity: head/bias;"):
        km.save_checkpoint(broken, path)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("ending", ENDINGS)
def test_a_full_disk_is_told(ending: str, tmp_path: Path):
    """The system lets no file grow beyond a limit, as a full disk does."""
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, limits[1]))
    try:
        with pytest.raises(OSError, match=r"can't be written|File too large"):
            km.save_checkpoint(build("mlp_mixer"), tmp_path / f"model{ending}")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert not list(tmp_path.iterdir())
