"""Files that don't fit: one clear line, and the model stays as it was."""

import pickle
import sys
from functools import cache
from pathlib import Path

import keras
import numpy as np
import pytest
import torch
from safetensors.numpy import load_file, save_file

import keras_mixers as km
from keras_mixers.weights.read import read_checkpoint
from tests.keras_mixers.weights.golden import DATA, GOLDEN
from tests.keras_mixers.weights.golden import build as build_new

MIXER = "mixer_timm.safetensors"
build = cache(build_new)  # Failed loads do not change a model, so tests can share it.


def _error(model, path: Path) -> str:
    """Return the line that loading fails with, having checked that no weight moved."""
    before = model.get_weights()
    with pytest.raises(km.CheckpointError) as error:
        km.load_checkpoint(model, path)
    for old, new in zip(before, model.get_weights(), strict=True):
        np.testing.assert_array_equal(old, new)
    assert "\n" not in str(error.value)
    return str(error.value)


def _changed(tmp_path: Path, **changes: np.ndarray | None) -> Path:
    """Write the Mixer's checkpoint with some arrays replaced, added, or (None) left out."""
    arrays = {**load_file(DATA / MIXER), **changes}
    path = tmp_path / "changed.safetensors"
    save_file({key: array for key, array in arrays.items() if array is not None}, path)
    return path


def test_unused_and_missing_keys_are_named(tmp_path: Path) -> None:
    path = _changed(tmp_path, **{"norm.bias": None, "aux_head.bias": np.zeros(3)})
    message = _error(build(MIXER), path)
    assert "changed.safetensors (MLP-Mixer of timm) lacks norm.bias" in message
    assert "holds aux_head.bias, which the model has no place for" in message


def test_many_keys_are_counted() -> None:
    message = _error(build(MIXER, depth=3), DATA / MIXER)
    assert "lacks blocks.2.mlp_channels.fc1.bias, " in message
    assert "and 9 more" in message


def test_fewer_blocks_than_the_file() -> None:
    assert "holds blocks.1." in _error(build(MIXER, depth=1), DATA / MIXER)


def test_shapes_are_compared() -> None:
    message = _error(build(MIXER, tokens_mlp_dim=10), DATA / MIXER)
    assert "has other shapes than the model" in message
    assert "blocks.0.mlp_tokens.fc1.weight has shape (16, 12), expected (16, 10)" in message


@pytest.mark.parametrize("checkpoint", GOLDEN)
def test_other_classes(checkpoint: str) -> None:
    message = _error(build(checkpoint, classes=7), DATA / checkpoint)
    assert f"{checkpoint} has 5 classes, but the model has classes=7" in message


def test_classes_of_the_weights_argument() -> None:
    with pytest.raises(km.CheckpointError, match="build it with classes=5"):
        build(MIXER, classes=7, weights=DATA / MIXER)


@pytest.mark.parametrize("file", GOLDEN)
@pytest.mark.parametrize(
    "model", ["convmixer_relu_timm.safetensors", MIXER, "t2t_performer.pth.tar"]
)
def test_other_architectures(file: str, model: str) -> None:
    if file.split("_")[0] == model.split("_")[0]:
        return
    message = _error(build(model), DATA / file)
    # gMLP's files share most of their names with MLP-Mixer's, as timm has them.
    near = file.startswith("gmlp") and model == MIXER
    assert ("lacks blocks.0.mlp_tokens" if near else "another architecture") in message
    assert file in message


def test_performer_is_not_transformer() -> None:
    message = _error(build("t2t_performer.pth.tar"), DATA / "t2t_transformer.pth.tar")
    assert "T2T-ViT with performers" in message
    assert "lacks tokens_to_token.attention1.kqv" in message


def test_a_model_of_somebody_else() -> None:
    model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(2)])
    assert "is not as a model function of keras_mixers builds it" in _error(model, DATA / MIXER)


@pytest.mark.parametrize("checkpoint", GOLDEN)
@pytest.mark.parametrize("share", [0.0, 0.01, 0.5, 0.99])
def test_truncated_files(checkpoint: str, share: float, tmp_path: Path) -> None:
    content = (DATA / checkpoint).read_bytes()
    path = tmp_path / checkpoint
    path.write_bytes(content[: int(share * len(content))])
    assert f"{checkpoint} can't be read" in _error(build(checkpoint), path)


@pytest.mark.parametrize("ending", [".safetensors", ".npz", ".pth", ".pth.tar"])
def test_a_web_page_is_no_checkpoint(ending: str, tmp_path: Path) -> None:
    path = tmp_path / f"page{ending}"
    path.write_text("<!doctype html><title>Not found</title>" * 50)
    assert "can't be read" in _error(build(MIXER), path)


class _Malicious:
    def __init__(self, mark: Path) -> None:
        self.mark = mark

    def __reduce__(self) -> tuple:
        return (Path.touch, (self.mark,))


@pytest.mark.parametrize("ending", [".pth", ".npz"])
def test_a_malicious_pickle_runs_nothing(ending: str, tmp_path: Path) -> None:
    mark, path = tmp_path / "mark", tmp_path / f"evil{ending}"
    if ending == ".pth":
        torch.save({"state_dict": {"head.bias": _Malicious(mark)}}, path)
    else:
        np.savez(path, **{"head/bias": np.array([_Malicious(mark)], dtype=object)})
    assert "can't be read" in _error(build(MIXER), path)
    assert not mark.exists()
    with path.open("rb") as file, pytest.raises(Exception, match=r".*"):
        pickle.load(file)


def test_no_weights_by_name(tmp_path: Path) -> None:
    torch.save([torch.zeros(2)], tmp_path / "list.pth")
    assert "holds no weights by name" in _error(build(MIXER), tmp_path / "list.pth")
    torch.save({"epoch": 3}, tmp_path / "epoch.pth")
    assert "holds no weights by name" in _error(build(MIXER), tmp_path / "epoch.pth")


def test_unknown_ending_and_missing_file(tmp_path: Path) -> None:
    (tmp_path / "weights.onnx").touch()
    assert "expected one of .safetensors, .npz" in _error(build(MIXER), tmp_path / "weights.onnx")
    for name in ("none.safetensors", "none.weights.h5"):
        with pytest.raises(FileNotFoundError, match=f"There is no .* file .*{name}"):
            build(MIXER, weights=tmp_path / name)


def test_torch_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "torch", None)  # As if it were not installed.
    with pytest.raises(ImportError) as error:
        read_checkpoint(DATA / "t2t_performer.pth.tar")
    assert str(error.value) == (
        "t2t_performer.pth.tar is a PyTorch file, and PyTorch is not installed: "
        "pip install 'keras-mixers[torch]'."
    )
