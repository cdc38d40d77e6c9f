"""Released containers, filled by the references, against the references' own numbers."""

import keras
import numpy as np
import pytest
import torch

import keras_mixers as km
from keras_mixers.weights.read import read_checkpoint
from tests.keras_mixers.weights.golden import DATA, GOLDEN, build, reference
from tests.keras_mixers.weights.torch_conv_mixer import TorchConvMixer

every_golden = pytest.mark.parametrize("checkpoint", GOLDEN)


@every_golden
def test_logits_equal_the_reference(checkpoint: str) -> None:
    model = build(checkpoint)
    km.load_checkpoint(model, DATA / checkpoint)
    expected = reference(checkpoint)
    logits = model.predict(expected.images, verbose=0)
    error = np.abs(logits - expected.logits).max()
    print(f"{checkpoint}: largest difference of logits {error:.1e}")
    assert error <= 2e-6
    assert np.abs(expected.logits).max() > 0.1


@every_golden
def test_the_weights_argument_loads_too(checkpoint: str) -> None:
    model = build(checkpoint, weights=DATA / checkpoint)
    expected = reference(checkpoint)
    np.testing.assert_allclose(
        model.predict(expected.images, verbose=0), expected.logits, atol=2e-6
    )


@every_golden
def test_keras_weights_files_load_by_the_same_argument(checkpoint: str, tmp_path) -> None:
    model = build(checkpoint, weights=DATA / checkpoint)
    model.save_weights(tmp_path / "model.weights.h5")
    again = build(checkpoint, weights=tmp_path / "model.weights.h5")
    images = reference(checkpoint).images
    np.testing.assert_array_equal(
        again.predict(images, verbose=0), model.predict(images, verbose=0)
    )


@every_golden
def test_without_top_the_head_is_left_out(checkpoint: str) -> None:
    whole = build(checkpoint, weights=DATA / checkpoint)
    body = build(checkpoint, include_top=False, weights=DATA / checkpoint)
    images = reference(checkpoint).images
    features = keras.Model(whole.inputs, whole.get_layer(body.layers[-1].name).output)
    np.testing.assert_array_equal(
        body.predict(images, verbose=0), features.predict(images, verbose=0)
    )


@pytest.mark.filterwarnings("ignore:Using padding='same' with even kernel:UserWarning")
def test_training_mode_equals_torch() -> None:
    """Batch statistics in the outputs, and the running ones after the step (facts of BatchNorm).

    torch stores the unbiased batch variance, n / (n - 1) of the biased one that Keras stores.
    """
    checkpoint = "convmixer_gelu_original.pth.tar"
    images = reference(checkpoint).images
    model = build(checkpoint, weights=DATA / checkpoint)
    torch_model = TorchConvMixer(16, 3, 8, 4, 5, torch.nn.GELU).train()
    torch_model.load_state_dict(torch.load(DATA / checkpoint, weights_only=True))
    before = model.get_layer("patch_norm").moving_variance.numpy().copy()
    with torch.no_grad():
        expected = torch_model(torch.from_numpy(images.transpose(0, 3, 1, 2))).numpy()
    np.testing.assert_allclose(model(images, training=True), expected, atol=2e-6)

    norm, torch_norm = model.get_layer("patch_norm"), torch_model[2]
    np.testing.assert_allclose(norm.moving_mean, torch_norm.running_mean.numpy(), atol=1e-6)
    n = 2 * 8 * 8
    step = norm.moving_variance - 0.9 * before
    torch_step = torch_norm.running_var.numpy() - 0.9 * before
    np.testing.assert_allclose(step * n / (n - 1), torch_step, atol=1e-6)


def _flat_torch(name: str) -> dict[str, torch.Tensor]:
    return {key: torch.from_numpy(array) for key, array in read_checkpoint(DATA / name).items()}


@pytest.mark.parametrize("ending", [".pth", ".bin", ".pt"])
@pytest.mark.parametrize("nested", [None, "state_dict", "model", "net"])
@pytest.mark.parametrize("prefix", ["", "module."])
def test_containers_of_torch(ending: str, nested: str | None, prefix: str, tmp_path) -> None:
    state = {prefix + key: value for key, value in _flat_torch("mixer_timm.safetensors").items()}
    path = tmp_path / f"checkpoint{ending}"
    torch.save({nested: state, "epoch": 3} if nested else state, path)
    model = build("mixer_timm.safetensors", weights=path)
    expected = reference("mixer_timm.safetensors")
    np.testing.assert_allclose(
        model.predict(expected.images, verbose=0), expected.logits, atol=2e-6
    )


@pytest.mark.parametrize("prefix", ["", "opt/target/", "params/"])
@pytest.mark.parametrize("older", [False, True])
def test_layouts_of_google(prefix: str, older: bool, tmp_path) -> None:
    arrays = read_checkpoint(DATA / "mixer_google.npz")
    if older:
        arrays = {_older_name(key): array[None] for key, array in arrays.items()}
        arrays = {key: array if "phase" in key else array[0] for key, array in arrays.items()}
    np.savez(tmp_path / "mixer.npz", **{prefix + key: array for key, array in arrays.items()})
    model = build("mixer_google.npz", weights=tmp_path / "mixer.npz")
    expected = reference("mixer_google.npz")
    np.testing.assert_allclose(
        model.predict(expected.images, verbose=0), expected.logits, atol=2e-6
    )


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


def test_half_precision_checkpoints_are_widened(tmp_path) -> None:
    state = {key: value.bfloat16() for key, value in _flat_torch("mixer_timm.safetensors").items()}
    torch.save(state, tmp_path / "half.pth")
    model = build("mixer_timm.safetensors", weights=tmp_path / "half.pth")
    expected = reference("mixer_timm.safetensors").logits
    images = reference("mixer_timm.safetensors").images
    error = np.abs(model.predict(images, verbose=0) - expected).max()
    assert 1e-5 < error < 0.02


def test_position_table_of_the_checkpoint_is_the_computed_one() -> None:
    for checkpoint in ("t2t_performer.pth.tar", "t2t_transformer.pth.tar"):
        computed = build(checkpoint).get_layer("position").table
        stored = read_checkpoint(DATA / checkpoint)["pos_embed"]
        np.testing.assert_allclose(stored, computed, atol=1e-6)
