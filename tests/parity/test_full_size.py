"""Our networks beside timm's at full size, with the same random weights, on the same images."""

import gc
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import keras
import numpy as np
import PIL.Image
import pytest
import sklearn.datasets
import tensorflow as tf
import torch

import keras_mixers
from keras_mixers.catalogue.preprocessing import Preprocessing
from keras_mixers.models.precision import copy_with
from keras_mixers.preprocessing import load_image, resize_and_crop
from tests.helpers import timm_reference
from tests.helpers.rounding import EPSILON, rounding_bound
from tests.helpers.timm_variants import (
    LARGER,
    TOLERANCE,
    VARIANTS,
    random_images,
    relative_difference,
)
from tests.parity.pairs import load

pytestmark = pytest.mark.parity

_SIZES = [f"{size}_patch{side}" for size in ("tiny", "small", "base", "large") for side in (16, 32)]
PATTERNS = ["convmixer*", "mixer*", "resmlp*", "gmlp*", "deit_*_224", "deit_*_384"]
PATTERNS += [f"vit_{size}_{pixels}" for size in _SIZES for pixels in (224, 384)]
Report = Callable[[str], None]


@dataclass(frozen=True)
class Pair:
    """A variant as both libraries have it; ours takes pixels and ends in logits."""

    name: str
    ours: keras.Model
    theirs: torch.nn.Module

    @property
    def preprocessing(self) -> Preprocessing:
        """That of the file which timm released, or else the variant's."""
        info = keras_mixers.model_info(self.name)
        of_timm = [source for source in info.weights if source.name == "imagenet"]
        return (of_timm or [info])[0].preprocessing

    @property
    def after_preprocessing(self) -> keras.Model:
        """Ours for normalised images, with the features and the logits."""
        last_block = f"block_{keras_mixers.model_info(self.name).arguments['depth'] - 1}"
        names = [layer.name for layer in self.ours.layers]
        features = self.ours.get_layer("norm" if "norm" in names else last_block).output
        images = self.ours.get_layer("preprocessing").output
        return keras.Model(images, [features, self.ours.output])


@pytest.fixture(scope="module")
def pair(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Pair:
    gc.collect()  # Keras's models hold themselves in cycles, and a large one needs the memory.
    theirs = timm_reference.random_model(VARIANTS[request.param])
    ours = keras_mixers.create_model(request.param, classifier_activation=None)
    load(ours, theirs, tmp_path_factory.mktemp("weights"))
    return Pair(request.param, ours, theirs)


every_variant = pytest.mark.parametrize("pair", VARIANTS, indirect=True, scope="module")


@pytest.fixture
def report(capsys: pytest.CaptureFixture[str], request: pytest.FixtureRequest) -> Iterator[Report]:
    """Return what prints the largest differences, also those of tests that pass."""
    lines: list[str] = []
    yield lines.append
    with capsys.disabled():
        print("".join(f"\n{request.node.name}: {line}" for line in lines))


def test_all_of_timms_variants_are_compared() -> None:
    timm = timm_reference.import_timm()
    assert set(timm.list_models(PATTERNS)) == {*VARIANTS.values(), *LARGER.values()}


@every_variant
def test_parameters(pair: Pair) -> None:
    expected = sum(parameter.numel() for parameter in pair.theirs.parameters())
    assert sum(int(np.prod(w.shape)) for w in pair.ours.trainable_weights) == expected


@every_variant
def test_features_and_logits(pair: Pair, report: Report) -> None:
    images = random_images(2)
    expected = timm_reference.features_and_logits(pair.theirs, images)
    found = pair.after_preprocessing.predict_on_batch(images)
    apart = [relative_difference(*sides) for sides in zip(found, expected, strict=True)]
    report("features {:.1e} of the largest, logits {:.1e}".format(*apart))
    # Outputs that were the same for any image would prove little.
    assert all(relative_difference(*side) > 0.1 for side in expected)
    assert max(apart) <= TOLERANCE


@pytest.mark.parametrize("name", LARGER)
def test_logits_at_384_pixels(name: str, report: Report, tmp_path: Path) -> None:
    theirs = timm_reference.random_model(LARGER[name])
    options = {"input_shape": (384, 384, 3), "include_preprocessing": False}
    ours = keras_mixers.create_model(name, classifier_activation=None, **options)
    _check_logits(load(ours, theirs, tmp_path), theirs, report)


def test_logits_of_the_average(report: Report, tmp_path: Path) -> None:
    """ViT without a class token, as timm has it if the tokens are normalised before."""
    options = {"class_token": False, "global_pool": "avg", "fc_norm": False}
    timm = timm_reference.import_timm()
    torch.manual_seed(0)
    theirs = timm_reference.randomise(timm.create_model("vit_tiny_patch16_224", **options))
    ours = keras_mixers.ViT(
        *(192, 12, 3),
        class_token=False,
        classifier_activation=None,
        include_preprocessing=False,
    )
    _check_logits(load(ours, theirs, tmp_path), theirs, report)


def _check_logits(ours: keras.Model, theirs: torch.nn.Module, report: Report) -> None:
    images = random_images(2, *ours.input_shape[1:3])
    expected = timm_reference.logits(theirs, images)
    apart = relative_difference(ours.predict_on_batch(images), expected)
    report(f"logits {apart:.1e} of the largest")
    # They depend on the image, by far more than they may be apart.
    assert relative_difference(*expected) > 1000 * TOLERANCE
    assert apart <= TOLERANCE


@every_variant
def test_a_photo_is_cut_and_classified_the_same(pair: Pair, report: Report) -> None:
    pixels, their_pixels = _evaluation_pixels(pair)
    how = pair.preprocessing
    normalised = (pixels / np.float32(255) - np.float32(how.mean)) / np.float32(how.std)
    pixels_apart = float(np.abs(normalised - their_pixels).max())
    expected = timm_reference.logits(pair.theirs, their_pixels)
    apart = relative_difference(pair.ours.predict_on_batch(pixels), expected)
    report(f"pixels {pixels_apart:.1e}, logits {apart:.1e} of the largest")
    # Resize and crop agree to the bit; what is left is / 255, the mean and the deviation.
    assert pixels_apart <= rounding_bound(their_pixels, 3)
    assert apart <= TOLERANCE


def _evaluation_pixels(pair: Pair) -> tuple[np.ndarray, np.ndarray]:
    """Return a JPEG (1, H, W, 3) as each side cuts it: ours uint8, timm's normalised."""
    photo = Path(sklearn.datasets.__file__).with_name("images") / "china.jpg"
    size, how = pair.ours.input_shape[1:3], pair.preprocessing
    pixels = resize_and_crop(load_image(photo, 3), size, how.crop, how.interpolation)
    timm_reference.import_timm()
    from timm.data import create_transform, resolve_data_config

    transform = create_transform(**resolve_data_config({}, model=pair.theirs))
    tensor = transform(PIL.Image.open(photo).convert("RGB"))
    return pixels[np.newaxis], tensor.numpy().transpose(1, 2, 0)[np.newaxis]


@every_variant
def test_gradients_in_training_mode(pair: Pair, report: Report, tmp_path: Path) -> None:
    """In float64: batch statistics of two images, and ReLU's kinks, enlarge what rounding does.

    In float32, timm's gradients of ConvMixer-768/32 change by a tenth if its images do by 1e-7.
    """
    images = random_images(2, *_gradient_size(pair))
    factors = np.random.default_rng(0).standard_normal((2, 1000))
    path = tmp_path / "gradients.safetensors"
    timm_reference.write_gradients(pair.theirs, images, factors, path)

    network = _in_float64(pair, images.shape[1:])
    gc.collect()
    with tf.GradientTape() as tape:
        loss = tf.reduce_sum(network(images.astype("float64"), training=True) * factors)
    found = tape.gradient(loss, [weight.value for weight in network.trainable_weights])
    # In the place of the weights: ViT-L has 2.4 GB of them, and of gradients too.
    keras_mixers.load_checkpoint(network, path)
    path.unlink()

    apart = {}
    for gradient, weight in zip(found, network.trainable_weights, strict=True):
        if weight.path.endswith("token_mlp/dense_1/bias"):
            continue  # LayerNorm subtracts what all channels of a token share: rounding is left.
        largest = float(np.abs(weight).max())
        apart[weight.path] = float(np.abs(gradient - weight).max()) / largest
    worst = max(apart, key=apart.__getitem__)
    report(f"gradients {apart[worst]:.1e} of each one's largest, in {worst}")
    # What float64 rounds may grow to what float32 rounds, and no further.
    assert apart[worst] <= EPSILON["float32"]


def _gradient_size(pair: Pair) -> tuple[int, int]:
    """ConvMixer has the same weights for images of any size, and takes minutes for larger ones:
    neither library has a fast depthwise convolution in float64."""
    return (112, 112) if pair.name.startswith("convmixer") else pair.ours.input_shape[1:3]


def _in_float64(pair: Pair, input_shape: tuple[int, int, int]) -> keras.Model:
    """Return a copy of our network for images that are normalised already."""
    options = {"input_shape": input_shape, "include_preprocessing": False}
    copy = keras_mixers.create_model(pair.name, classifier_activation=None, **options)
    copy.set_weights(pair.ours.get_weights())
    return copy_with(copy, lambda layer: {"dtype": "float64"})
