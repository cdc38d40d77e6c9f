"""Which variant a checkpoint is of, and the conversion to Keras files."""

from pathlib import Path

import keras
import numpy as np
import pytest
import torch

import keras_mixers as km
from keras_mixers.catalogue.preprocessing import CIFAR_MEAN, CIFAR_STD
from keras_mixers.conversion import convert
from keras_mixers.models.published import read_normalisation
from keras_mixers.weights.identify import identify
from keras_mixers.weights.layouts import LAYOUTS, Layout
from tests.keras_mixers.weights.torch_conv_mixer import TorchConvMixer

pytestmark = pytest.mark.filterwarnings("ignore:Using padding='same' with even:UserWarning")


@pytest.fixture
def checkpoint(tmp_path: Path) -> Path:
    """ConvMixer-128/4 as its authors' program would save it, of random weights."""
    torch.manual_seed(0)
    model = TorchConvMixer(128, 4, 8, 1, 10, torch.nn.GELU)
    path = tmp_path / "convmixer.pth.tar"
    torch.save({"state_dict": model.state_dict()}, path)
    return path


def _layout(name: str) -> Layout:
    return next(layout for layout in LAYOUTS if layout.name == name)


def _arrays(variant: str, layout: str, classes: int = 1000) -> dict[str, np.ndarray]:
    """Return arrays of a layout's names, as many numbers in all as the variant has."""
    info = km.model_info(variant)
    depth, width = int(info.arguments["depth"]), int(info.arguments["hidden_dim"])
    keys = [rule.key for rule in _layout(layout).expand(depth)]
    arrays = {key: np.zeros(0, "float32") for key in keys}
    head = next(rule.key for rule in _layout(layout).expand(depth) if rule.weight == "head/bias")
    arrays[head] = np.zeros(classes, "float32")
    total = info.parameters + info.fixed_parameters + (classes - 1000) * (width + 1)
    arrays[keys[0]] = np.zeros(total - classes, "float32")
    return arrays


@pytest.mark.parametrize("classes", [1000, 37])
@pytest.mark.parametrize(
    ("variant", "layout", "activation"),
    [
        ("convmixer_1536_20", "ConvMixer of timm", None),
        ("convmixer_1024_20_p14", "ConvMixer of the authors", None),
        ("mixer_b16", "MLP-Mixer of timm", None),
        ("mixer_b16", "MLP-Mixer of Google", "gelu_tanh"),
        ("mixer_b32", "MLP-Mixer of Google, older names", "gelu_tanh"),
        ("t2t_vit_7", "T2T-ViT with performers", None),
        ("t2t_vit_t_24", "T2T-ViT with transformers", None),
    ],
)
def test_content_tells_the_variant(
    variant: str, layout: str, activation: str | None, classes: int
) -> None:
    assert identify(_arrays(variant, layout, classes)) == [(variant, classes, activation)]


def test_heads_of_attention_leave_no_trace() -> None:
    fitting = identify(_arrays("t2t_vit_14", "T2T-ViT with performers"))
    assert [identity.variant for identity in fitting] == ["t2t_vit_14", "t2t_vit_14_resnext"]


def test_no_published_variant() -> None:
    arrays = _arrays("mixer_b16", "MLP-Mixer of timm")
    arrays["stem.proj.weight"] = np.zeros(3)
    with pytest.raises(km.CheckpointError, match="fits no published variant"):
        identify(arrays)
    with pytest.raises(km.CheckpointError, match="fits no published variant"):
        identify({"anything": np.zeros(3)})


def test_to_a_model_and_to_its_weights(checkpoint: Path, tmp_path: Path) -> None:
    _, account = convert(str(checkpoint), tmp_path / "model.keras")
    assert account.startswith("10 classes, activation gelu, preprocessing of the variant")
    expected = km.create_model("convmixer_128_4_p1_k8", weights=checkpoint)
    converted = keras.models.load_model(tmp_path / "model.keras")
    assert read_normalisation(converted) == (CIFAR_MEAN, CIFAR_STD)  # ConvMixer's are ImageNet's.
    convert(str(checkpoint), tmp_path / "model.weights.h5", variant="convmixer_128_4_p1_k8")
    again = km.create_model("convmixer_128_4_p1_k8", weights=tmp_path / "model.weights.h5")
    for old, new, newer in zip(
        expected.get_weights(), converted.get_weights(), again.get_weights(), strict=True
    ):
        np.testing.assert_array_equal(old, new)
        np.testing.assert_array_equal(old, newer)


def test_named_weights(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KERAS_MIXERS_WEIGHTS_URL", str(tmp_path))
    with pytest.raises(OSError, match="is missing"):
        convert("t2t_vit_7:imagenet", tmp_path / "model.keras")
    with pytest.raises(
        ValueError, match="belongs to 't2t_vit_7'; received the variant 'mixer_b16'"
    ):
        convert("t2t_vit_7:imagenet", tmp_path / "model.keras", variant="mixer_b16")
    assert list(tmp_path.iterdir()) == []


def test_refusals_leave_nothing_behind(checkpoint: Path, tmp_path: Path) -> None:
    source, out = str(checkpoint), tmp_path / "model.keras"
    with pytest.raises(ValueError, match=r"must end in \.keras or \.weights\.h5"):
        convert(source, tmp_path / "model.h5")
    with pytest.raises(km.CheckpointError, match="fits convmixer_128_4_p1_k8, not mixer_b16"):
        convert(source, out, variant="mixer_b16")
    with pytest.raises(ValueError, match="There is no variant 'mixer_b61'"):
        convert(source, out, variant="mixer_b61")
    with pytest.raises(FileNotFoundError, match="There is no checkpoint file"):
        convert(str(tmp_path / "none.npz"), out)
    assert [path.name for path in tmp_path.iterdir()] == ["convmixer.pth.tar"]
    out.write_text("mine")
    with pytest.raises(FileExistsError, match="exists; pass overwrite=True"):
        convert(source, out)
    assert out.read_text() == "mine"
    convert(source, out, overwrite=True)
    assert out.stat().st_size > 100_000
