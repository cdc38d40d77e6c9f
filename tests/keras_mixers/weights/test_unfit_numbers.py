"""Keys of another type or shape, or that are not finite: they are named, and no weight changes."""

import re
from functools import cache
from pathlib import Path

import h5py
import keras
import numpy as np
import pytest
import torch

import keras_mixers as km
from keras_mixers.weights import load
from keras_mixers.weights.load import load_weights
from keras_mixers.weights.read import Checkpoint, read_checkpoint
from tests.keras_mixers.weights.golden import DATA, GOLDEN, build

build = cache(build)  # Failed loads do not change a model, so tests can share it.
MIXER = "mixer_google.npz"
KERNEL, LAST = "stem/kernel", "head/bias"


def _refusal(model: keras.Model, arrays: Checkpoint, path: Path) -> str:
    """Return the line with which a file of the arrays is refused."""
    np.savez(path, **arrays)
    return _refused_line(model, path)


def _refused_line(model: keras.Model, path: Path) -> str:
    """Return the line with which a file is refused, having checked that no weight moved."""
    before = model.get_weights()
    with pytest.raises(km.CheckpointError) as error:
        load_weights(model, path)
    assert all(map(np.array_equal, model.get_weights(), before))
    assert "\n" not in str(error.value)
    return str(error.value)


@pytest.mark.parametrize("key", [KERNEL, LAST])
@pytest.mark.parametrize(
    ("dtype", "name"),
    [("U3", "str96"), ("V4", "void32"), ("c8", "complex64"), ("M8[s]", "datetime64[s]")],
)
def test_types_that_are_no_real_numbers(key: str, dtype: str, name: str, tmp_path: Path) -> None:
    arrays = read_checkpoint(DATA / MIXER)
    arrays[key] = np.zeros(arrays[key].shape, dtype)
    message = _refusal(build(MIXER), arrays, tmp_path / "file.npz")
    assert f"{key} has type {name}; expected float32" in message


@pytest.mark.parametrize("key", [KERNEL, LAST])
@pytest.mark.parametrize("number", [np.nan, np.inf, -np.inf, 1e39])
def test_numbers_that_are_not_finite(key: str, number: float, tmp_path: Path) -> None:
    arrays = read_checkpoint(DATA / MIXER)
    arrays[key] = arrays[key].astype("float64")  # Which 1e39 fits.
    arrays[key].flat[-1] = number
    message = _refusal(build(MIXER), arrays, tmp_path / "file.npz")
    assert f"holds NaN or infinity: {key} in float32; expected finite numbers" in message


def test_numbers_that_are_too_large_for_the_weights(tmp_path: Path) -> None:
    keras.config.set_dtype_policy("float16")
    arrays = read_checkpoint(DATA / MIXER)
    arrays[KERNEL].flat[0] = 1e5  # The head's weights stay in float32.
    message = _refusal(build.__wrapped__(MIXER), arrays, tmp_path / "file.npz")
    assert f"{KERNEL} in float16" in message


def test_not_finite_where_nothing_is_loaded(tmp_path: Path) -> None:
    arrays = read_checkpoint(DATA / MIXER)
    arrays[LAST][:] = np.nan
    np.savez(tmp_path / "file.npz", **arrays)
    km.load_checkpoint(build.__wrapped__(MIXER), tmp_path / "file.npz", skip_head=True)
    km.load_checkpoint(build.__wrapped__(MIXER, include_top=False), tmp_path / "file.npz")


@pytest.mark.parametrize("dtype", ["float16", "float64", "bfloat16"])
def test_other_real_types_are_converted(dtype: str, tmp_path: Path) -> None:
    arrays = read_checkpoint(DATA / "deit_distilled.pth")
    tensors = {key: torch.tensor(array).to(getattr(torch, dtype)) for key, array in arrays.items()}
    torch.save(tensors, tmp_path / "file.pth")
    model = build.__wrapped__("deit_distilled.pth")
    km.load_checkpoint(model, tmp_path / "file.pth")
    bias = model.get_layer("head").get_weights()[1]
    assert any(
        np.array_equal(bias, tensors[f"{head}.bias"].float()) for head in ("head", "head_dist")
    )


def _shapes(shape: tuple[int, ...]) -> list[tuple[int, ...]]:
    """Return shapes that hold other numbers: one, none, few, or twice as many in an axis more."""
    others = [(), (1,), (0,), (2,), (1,) * len(shape), (*shape[:-1], 0), (*shape, 2)]
    return [other for other in others if other != shape]


@pytest.mark.parametrize("file", GOLDEN)
def test_shapes_of_every_key(file: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each key in turn has a shape that reordering axes, or another resolution, can't take."""
    whole = read_checkpoint(DATA / file)
    model = build(file)
    for index, key in enumerate(whole):
        if key.endswith("num_batches_tracked") or re.search(r"(blocks\.|Block_)[1-9]", key):
            continue  # Later blocks are as the first one.
        shapes = _shapes(whole[key].shape)
        shape = shapes[index % len(shapes)]
        arrays = {**whole, key: np.ones(shape, "float32")}
        monkeypatch.setattr(load, "read_checkpoint", lambda _path, arrays=arrays: arrays)
        message = _refused_line(model, Path(file))
        assert key in message or "classes" in message or "does not fit the model" in message


@pytest.mark.parametrize("shape", [(), (1,)])
@pytest.mark.parametrize("file", GOLDEN)
def test_numbers_in_place_of_matrices(file: str, shape: tuple[int, ...], tmp_path: Path) -> None:
    whole = read_checkpoint(DATA / file)
    matrices = [key for key, array in whole.items() if array.ndim > 1 and array.size > 1]
    for key in (matrices[0], matrices[-1]):
        arrays = {**whole, key: np.ones(shape, "float32")}
        message = _refusal(build(file), arrays, tmp_path / "file.npz")
        assert f"{key} has shape {shape}, expected" in message or f"{key}, " in message


def test_no_channels(tmp_path: Path) -> None:
    """Images of other channels would take theirs from the file's."""
    whole = read_checkpoint(DATA / MIXER)
    arrays = {**whole, KERNEL: whole[KERNEL][:, :, :0]}
    assert f"{KERNEL} has shape" in _refusal(build(MIXER), arrays, tmp_path / "file.npz")


@pytest.mark.parametrize("part", ["weight", "bias"])
def test_token_layers_are_not_repeated_to_fit(part: str, tmp_path: Path) -> None:
    """At another resolution numpy would spread one number over all tokens."""
    whole = read_checkpoint(DATA / "resmlp_timm.safetensors")
    name = f"blocks.1.linear_tokens.{part}"
    arrays = {**whole, name: np.ones((1,) * whole[name].ndim, "float32")}
    size = build("resmlp_timm.safetensors").input_shape[1]
    model = build("resmlp_timm.safetensors", input_shape=(2 * size, size, 3))
    assert "received shapes" in _refusal(model, arrays, tmp_path / "file.npz")


@pytest.mark.parametrize("number", [np.nan, np.inf])
def test_keras_weights_that_are_not_finite(number: float, tmp_path: Path) -> None:
    whole, path = build.__wrapped__(MIXER), tmp_path / "file.weights.h5"
    whole.get_layer("head").bias.assign(np.full(5, number))
    whole.save_weights(path)
    message = _refused_line(build(MIXER), path)
    assert "file.weights.h5 holds NaN or infinity for head/bias" in message


def test_keras_weights_of_another_network(tmp_path: Path) -> None:
    path = tmp_path / "file.weights.h5"
    build(MIXER, classes=7).save_weights(path)
    assert "file.weights.h5 can't be read" in _refused_line(build(MIXER), path)


def test_keras_weights_that_claim_more_than_there_is(tmp_path: Path) -> None:
    path = tmp_path / "file.weights.h5"
    build(MIXER).save_weights(path)
    with h5py.File(path, "a") as file:
        # Of a chunked array nothing is stored until it is written.
        file.create_dataset("more", shape=(10**13,), dtype="float32", chunks=(1024,))
    assert "'more' claims 40000000000000 bytes" in _refused_line(build(MIXER), path)
