"""Released containers, filled by the references, against the references' own numbers."""

from functools import cache
from pathlib import Path

import keras
import numpy as np
import pytest
import torch

import keras_mixers as km
from keras_mixers.weights.read import read_checkpoint
from tests.helpers.rounding import assert_close, roundings_in
from tests.keras_mixers.weights.golden import DATA, GOLDEN, build, reference
from tests.keras_mixers.weights.google_vit import in_googles_names
from tests.keras_mixers.weights.torch_conv_mixer import TorchConvMixer

every_golden = pytest.mark.parametrize("checkpoint", GOLDEN)


@cache
def _golden(checkpoint: str) -> keras.Model:
    """Return the model with the checkpoint's weights, for tests that do not change it."""
    model = build(checkpoint)
    km.load_checkpoint(model, DATA / checkpoint)
    return model


def _assert_same_weights(model: keras.Model, expected: keras.Model) -> None:
    found = {weight.path: np.asarray(weight) for weight in model.weights}
    weights = {weight.path: np.asarray(weight) for weight in expected.weights}
    assert found.keys() == weights.keys()
    for path, value in weights.items():
        np.testing.assert_array_equal(found[path], value, path)


@every_golden
def test_logits_equal_the_reference(checkpoint: str) -> None:
    expected = reference(checkpoint)
    assert np.abs(expected.logits).max() > 0.1
    keras.config.set_dtype_policy("float64")
    exact = build(checkpoint)
    km.load_checkpoint(exact, DATA / checkpoint)
    logits = np.asarray(exact(expected.images))
    error = np.abs(logits - expected.logits).max()
    print(f"{checkpoint}: largest difference of logits {error:.1e}")
    # In float64 every machine computes the same up to 1e-14. The rest of the difference is in the
    # file: the reference computed in float32.
    assert error <= 1e-6
    keras.config.set_dtype_policy("float32")
    assert_close(_golden(checkpoint)(expected.images), logits, roundings_in(exact.weights))


@every_golden
def test_the_weights_argument_loads_too(checkpoint: str) -> None:
    _assert_same_weights(build(checkpoint, weights=DATA / checkpoint), _golden(checkpoint))


@every_golden
def test_keras_weights_files_load_by_the_same_argument(checkpoint: str, tmp_path: Path) -> None:
    model = _golden(checkpoint)
    model.save_weights(tmp_path / "model.weights.h5")
    _assert_same_weights(build(checkpoint, weights=tmp_path / "model.weights.h5"), model)


@every_golden
def test_without_top_the_head_is_left_out(checkpoint: str) -> None:
    whole = _golden(checkpoint)
    body = build(checkpoint, include_top=False, weights=DATA / checkpoint)
    images = reference(checkpoint).images
    features = keras.Model(whole.input, whole.get_layer(body.layers[-1].name).output)
    _assert_same_weights(body, features)
    assert_close(body(images), features(images), roundings_in(body.weights))


@pytest.mark.filterwarnings("ignore:Using padding='same' with even kernel:UserWarning")
def test_training_mode_equals_torch() -> None:
    """Batch statistics in the outputs, and the running ones after the step (facts of BatchNorm).

    torch stores the unbiased batch variance, n / (n - 1) of the biased one that Keras stores.
    """
    checkpoint = "convmixer_gelu_original.pth.tar"
    images = reference(checkpoint).images.astype("float64")
    keras.config.set_dtype_policy("float64")
    model = build(checkpoint, weights=DATA / checkpoint)
    torch_model = TorchConvMixer(16, 3, 8, 4, 5, torch.nn.GELU).double().train()
    torch_model.load_state_dict(torch.load(DATA / checkpoint, weights_only=True))
    before = model.get_layer("patch_norm").moving_variance.numpy().copy()
    with torch.no_grad():
        expected = torch_model(torch.from_numpy(images.transpose(0, 3, 1, 2))).numpy()
    n = 2 * 8 * 8  # Values of a channel: images, rows and columns of patches.
    roundings = roundings_in(model.weights) + 7 * 2 * n  # The statistics of seven norms.
    assert_close(model(images, training=True), expected, roundings)

    norm, torch_norm = model.get_layer("patch_norm"), torch_model[2]
    assert_close(norm.moving_mean, torch_norm.running_mean.numpy(), roundings)
    step = norm.moving_variance - 0.9 * before
    torch_step = torch_norm.running_var.numpy() - 0.9 * before
    assert_close(step * n / (n - 1), torch_step, roundings)


def _flat_torch(name: str) -> dict[str, torch.Tensor]:
    return {key: torch.from_numpy(array) for key, array in read_checkpoint(DATA / name).items()}


@pytest.mark.parametrize("ending", [".pth", ".bin", ".pt"])
@pytest.mark.parametrize("nested", [None, "state_dict", "model", "net"])
@pytest.mark.parametrize("prefix", ["", "module."])
def test_containers_of_torch(ending: str, nested: str | None, prefix: str, tmp_path: Path) -> None:
    expected = _flat_torch("mixer_timm.safetensors")
    state = {prefix + key: value for key, value in expected.items()}
    path = tmp_path / f"checkpoint{ending}"
    torch.save({nested: state, "epoch": 3} if nested else state, path)
    found = read_checkpoint(path)
    assert found.keys() == expected.keys()
    for key, value in expected.items():
        np.testing.assert_array_equal(found[key], value)


@pytest.mark.parametrize("prefix", ["", "opt/target/", "params/"])
@pytest.mark.parametrize("older", [False, True])
def test_layouts_of_google(prefix: str, older: bool, tmp_path: Path) -> None:
    arrays = read_checkpoint(DATA / "mixer_google.npz")
    if older:
        arrays = {_older_name(key): array[None] for key, array in arrays.items()}
        arrays = {key: array if "phase" in key else array[0] for key, array in arrays.items()}
    np.savez(tmp_path / "mixer.npz", **{prefix + key: array for key, array in arrays.items()})
    model = build("mixer_google.npz", weights=tmp_path / "mixer.npz")
    _assert_same_weights(model, _golden("mixer_google.npz"))


def _older_name(key: str) -> str:
    """Return the name of a weight in the layout that big_vision once read."""
    key = key.replace("stem/", "embedding/").replace("pre_head_layer_norm", "Mixer/encoder_norm")
    key = key.replace("MixerBlock_", "Mixer/encoderblock_")
    for part in ("token", "channel"):
        for i in (0, 1):
            for kind in ("kernel", "bias"):
                key = key.replace(
                    f"{part}_mixing/Dense_{i}/{kind}", f"{part}_mixing_phase_0/{kind}{i + 1}"
                )
    return key


def test_averaged_weights_come_first() -> None:
    content = torch.load(DATA / "t2t_performer.pth.tar", weights_only=False, map_location="cpu")
    ema = content["state_dict_ema"]["module.head.bias"].numpy()
    assert not np.array_equal(ema, content["state_dict"]["module.head.bias"].numpy())
    np.testing.assert_array_equal(read_checkpoint(DATA / "t2t_performer.pth.tar")["head.bias"], ema)


def test_half_precision_checkpoints_are_widened(tmp_path: Path) -> None:
    half = {key: value.bfloat16() for key, value in _flat_torch("mixer_timm.safetensors").items()}
    torch.save(half, tmp_path / "half.pth")
    for key, value in read_checkpoint(tmp_path / "half.pth").items():
        assert value.dtype == "float32"
        np.testing.assert_array_equal(value, half[key].float())


def test_position_table_of_the_checkpoint_is_the_computed_one() -> None:
    for checkpoint in ("t2t_performer.pth.tar", "t2t_transformer.pth.tar"):
        computed = build(checkpoint).get_layer("position").table
        stored = read_checkpoint(DATA / checkpoint)["pos_embed"]
        np.testing.assert_array_max_ulp(stored, np.asarray(computed), maxulp=1)


def test_googles_names_of_vit_load_as_timms(tmp_path: Path) -> None:
    name = "vit_timm.safetensors"
    arrays = in_googles_names(read_checkpoint(DATA / name), heads=3)
    np.savez(tmp_path / "google.npz", **arrays)
    model, ours = build(name, weights=DATA / name), build(name, weights=tmp_path / "google.npz")
    for weight, other in zip(model.weights, ours.weights, strict=True):
        np.testing.assert_array_equal(weight, other, err_msg=weight.path)
