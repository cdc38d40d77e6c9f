"""Our networks beside timm's, with the same random weights, on the same images."""

from pathlib import Path

import keras
import numpy as np
import PIL.Image
import pytest
import sklearn.datasets
import torch

import keras_mixers
from keras_mixers.preprocessing import load_image, resize_and_crop
from tests.helpers import timm_reference
from tests.helpers.rounding import assert_close, rounding_bound, roundings_in
from tests.helpers.timm_variants import TOLERANCE, VARIANTS, random_images, relative_difference

# torch says once that even kernels, which are tested here on purpose, cost it a padded copy.
pytestmark = [
    pytest.mark.parity,
    pytest.mark.filterwarnings("ignore:Using padding='same' with even kernel:UserWarning"),
]


def _load(model: keras.Model, theirs: torch.nn.Module, folder: Path) -> keras.Model:
    """Give `model` the weights of `theirs`, by way of a file."""
    path = folder / "weights.safetensors"
    timm_reference.write_weights(theirs, path)
    keras_mixers.load_checkpoint(model, path)
    path.unlink()  # The largest has 800 MB, and pytest keeps its folders.
    return model


def _parameters(model: keras.Model) -> int:
    return sum(int(np.prod(weight.shape)) for weight in model.trainable_weights)


def _small_pair(folder: Path) -> tuple[keras.Model, torch.nn.Module]:
    """A small ConvMixer for images of any size, and timm's with the same weights."""
    timm_reference.import_timm()
    from timm.models.convmixer import ConvMixer

    torch.manual_seed(0)
    theirs = timm_reference.randomise(ConvMixer(24, 3, kernel_size=8, patch_size=7, num_classes=11))
    ours = keras_mixers.ConvMixer(
        24,
        3,
        patch_size=7,
        kernel_size=8,
        include_preprocessing=False,
        input_shape=(None, None, 3),
        classes=11,
        classifier_activation=None,
    )
    return _load(ours, theirs, folder), theirs


def test_all_of_timms_variants_are_compared() -> None:
    timm = timm_reference.import_timm()
    assert set(timm.list_models(["convmixer*", "mixer*"])) == set(VARIANTS.values())


@pytest.mark.parametrize("name", VARIANTS)
def test_full_size(name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    images = random_images(2)
    theirs = timm_reference.random_model(VARIANTS[name])
    whole = keras_mixers.create_model(name, classifier_activation=None)
    assert _parameters(whole) == sum(parameter.numel() for parameter in theirs.parameters())
    _load(whole, theirs, tmp_path)

    expected = timm_reference.logits(theirs, images)
    ours = keras.Model(whole.get_layer("preprocessing").output, whole.output)
    apart = relative_difference(ours.predict_on_batch(images), expected)
    # Logits that were the same for any image would prove little.
    assert relative_difference(expected[0], expected[1]) > 0.1

    pixels, their_pixels = _evaluation_pixels(name, theirs)
    pixels_apart = float(np.abs(_normalised(pixels, name) - their_pixels).max())
    expected = timm_reference.logits(theirs, their_pixels)
    photo_apart = relative_difference(whole.predict_on_batch(pixels), expected)
    with capsys.disabled():
        print(
            f"\n{name}: largest difference {apart:.1e} of the largest logit; of a photo "
            f"{photo_apart:.1e}, its pixels {pixels_apart:.1e}"
        )
    assert apart <= TOLERANCE
    assert photo_apart <= TOLERANCE
    # Resize and crop agree to the bit; what is left is / 255, the mean and the deviation.
    assert pixels_apart <= rounding_bound(their_pixels, 3)


def _evaluation_pixels(name: str, theirs: torch.nn.Module) -> tuple[np.ndarray, np.ndarray]:
    """Return a JPEG (1, H, W, 3) as each side cuts it: ours uint8, timm's normalised."""
    photo = Path(sklearn.datasets.__file__).with_name("images") / "china.jpg"
    info = keras_mixers.model_info(name)
    how = info.preprocessing
    image = load_image(photo, 3)
    pixels = resize_and_crop(image, info.input_shape[:2], how.crop, how.interpolation)
    timm_reference.import_timm()
    from timm.data import create_transform, resolve_data_config

    transform = create_transform(**resolve_data_config({}, model=theirs))
    tensor = transform(PIL.Image.open(photo).convert("RGB"))
    return pixels[np.newaxis], tensor.numpy().transpose(1, 2, 0)[np.newaxis]


def _normalised(pixels: np.ndarray, name: str) -> np.ndarray:
    how = keras_mixers.model_info(name).preprocessing
    return (pixels / np.float32(255) - np.float32(how.mean)) / np.float32(how.std)


@pytest.mark.parametrize("size", [(100, 75), (7, 13)])
def test_what_is_left_of_a_last_patch_is_dropped(size: tuple[int, int], tmp_path: Path) -> None:
    ours, theirs = _small_pair(tmp_path)
    images = random_images(2, *size)
    expected = timm_reference.logits(theirs, images)
    assert relative_difference(ours.predict_on_batch(images), expected) <= TOLERANCE


def test_mixer_on_faint_images(tmp_path: Path) -> None:
    """Values as small as the normalisation's epsilon, where another epsilon would show."""
    timm_reference.import_timm()
    from timm.models.mlp_mixer import MlpMixer

    torch.manual_seed(0)
    theirs = timm_reference.randomise(
        MlpMixer(num_classes=11, img_size=(64, 96), patch_size=16, num_blocks=2, embed_dim=24)
    )
    with torch.no_grad():
        for parameter in theirs.stem.parameters():
            parameter.mul_(0.01)
    ours = keras_mixers.MLPMixer(
        24,
        2,
        patch_size=16,
        include_preprocessing=False,
        input_shape=(64, 96, 3),
        classes=11,
        classifier_activation=None,
    )
    _load(ours, theirs, tmp_path)
    images = random_images(2, 64, 96)
    expected = timm_reference.logits(theirs, images)
    assert relative_difference(ours.predict_on_batch(images), expected) <= TOLERANCE


def test_training_mode(tmp_path: Path) -> None:
    """Outputs and means are timm's; variances take up n / (n - 1) of the batch's there.

    torch keeps a moving average of unbiased variances, Keras of biased ones.
    """
    ours, theirs = _small_pair(tmp_path)
    images = random_images(2, 28, 21)
    n = 2 * 4 * 3  # Values for each channel: images, rows and columns of patches.
    norms = [m for m in theirs.modules() if isinstance(m, torch.nn.BatchNorm2d)]
    layers = [ours.get_layer("patch_norm")]
    for i in range(3):
        block = ours.get_layer(f"block_{i}")
        layers += [block.depthwise_norm, block.pointwise_norm]
    before = [norm.running_var.numpy().copy() for norm in norms]
    roundings = roundings_in(ours.weights) + 2 * n * len(norms)  # Statistics are sums, too.

    with torch.no_grad():
        expected = theirs.train()(timm_reference.channels_first(images)).numpy()
    outputs = keras.ops.convert_to_numpy(ours(images, training=True))

    assert relative_difference(outputs, expected) <= TOLERANCE
    for layer, norm, old in zip(layers, norms, before, strict=True):
        mean, variance = (
            keras.ops.convert_to_numpy(value)
            for value in (layer.moving_mean, layer.moving_variance)
        )
        assert_close(mean, norm.running_mean.numpy(), roundings)
        biased, unbiased = (new - 0.9 * old for new in (variance, norm.running_var.numpy()))
        assert_close(unbiased, biased * n / (n - 1), roundings)
