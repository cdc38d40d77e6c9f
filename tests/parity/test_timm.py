"""Details of our networks beside timm's, on small ones with the same random weights."""

from pathlib import Path

import keras
import pytest
import torch

import keras_mixers
from tests.helpers import timm_reference
from tests.helpers.rounding import assert_close, roundings_in
from tests.helpers.timm_variants import TOLERANCE, random_images, relative_difference
from tests.parity.pairs import load

# torch says once that even kernels, which are tested here on purpose, cost it a padded copy.
pytestmark = [
    pytest.mark.parity,
    pytest.mark.filterwarnings("ignore:Using padding='same' with even kernel:UserWarning"),
]


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
    return load(ours, theirs, folder), theirs


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
    load(ours, theirs, tmp_path)
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
