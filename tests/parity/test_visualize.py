"""The numbers behind pictures, beside what torch computes of timm's networks with the same weights.

timm has no T2T-ViT: tests/keras_mixers/visualize compares that with formulas alone.
"""

import copy
import gc
from dataclasses import dataclass

import keras
import numpy as np
import pytest
import torch

import keras_mixers
from keras_mixers import visualize
from keras_mixers.models.precision import copy_with
from keras_mixers.visualize.token_mixing import sort_in_pairs
from tests.helpers import timm_reference
from tests.helpers.rounding import EPSILON, rounding_bound
from tests.helpers.timm_variants import TOLERANCE, VARIANTS, random_images, relative_difference
from tests.parity.pairs import SMALLEST, load

pytestmark = pytest.mark.parity

CLASSES = [3, 141]


@dataclass(frozen=True)
class Pair:
    """A variant as both libraries have it; both take normalised images and end in logits."""

    ours: keras.Model
    theirs: torch.nn.Module

    @property
    def images(self) -> np.ndarray:
        """Two images."""
        return random_images(2, *self.ours.input_shape[1:3])

    @property
    def grid(self) -> tuple[int, int]:
        """Rows and columns of patches."""
        height, width = self.ours.input_shape[1:3]
        rows, columns = self.patches.kernel_size
        return height // rows, width // columns

    @property
    def patches(self) -> torch.nn.Conv2d:
        """The first convolution."""
        return next(m for m in self.theirs.modules() if isinstance(m, torch.nn.Conv2d))

    def to_maps(self, values: torch.Tensor) -> torch.Tensor:
        """Turn a map (B, C, H, W), or tokens with class tokens first, into (B, H, W, C)."""
        if values.ndim == 4:
            return values.movedim(1, -1)
        rows, columns = self.grid
        return values[:, values.shape[1] - rows * columns :].unflatten(1, self.grid)


@pytest.fixture(scope="module")
def pair(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Pair:
    gc.collect()  # Keras's models hold themselves in cycles.
    theirs = timm_reference.random_model(VARIANTS[request.param])
    with torch.no_grad():  # So small as they are at random, all patches get the same attention.
        for name, parameter in theirs.named_parameters():
            if name.endswith("qkv.weight"):
                parameter.mul_(5)
    # Neither library has a fast depthwise convolution in float64.
    side = 112 if request.param.startswith("convmixer") else 224
    ours = keras_mixers.create_model(
        request.param,
        include_preprocessing=False,
        classifier_activation=None,
        input_shape=(side, side, 3),
    )
    return Pair(load(ours, theirs, tmp_path_factory.mktemp("weights")), theirs)


@pytest.fixture(scope="module")
def in_float64(pair: Pair) -> Pair:
    """The same in float64, for gradients: in float32, timm's Grad-CAM of a ConvMixer is 1e-4 off.

    What float64 rounds may grow to what float32 rounds, and no further.
    """
    ours = copy_with(pair.ours, lambda layer: {"dtype": "float64"})
    return Pair(ours, copy.deepcopy(pair.theirs).double())


def of(*names: str) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("pair", names, indirect=True, scope="module")


def check_largest_first(found: np.ndarray, theirs: torch.Tensor) -> None:
    """Check that filters (N, ...) are timm's to the bit, the one with the largest norm first."""
    expected = theirs.detach().contiguous().numpy()
    assert sorted(each.tobytes() for each in found) == sorted(each.tobytes() for each in expected)
    norms = np.linalg.norm(found.reshape(len(found), -1).astype("float64"), axis=1)
    # Two that rounding makes equal may stand in either order.
    assert np.diff(norms).max() <= rounding_bound(np.float32(norms), found[0].size)


@of(*SMALLEST)
def test_first_filters(pair: Pair) -> None:
    check_largest_first(visualize.first_filters(pair.ours), pair.patches.weight.movedim(1, -1))


@of("convmixer_1024_20_p14")
def test_depthwise_kernels(pair: Pair) -> None:
    found = visualize.depthwise_kernels(pair.ours)
    for kernels, block in zip(found, pair.theirs.blocks, strict=True):
        check_largest_first(kernels, block[0].fn[0].weight[:, 0])


@of("mixer_s32", "resmlp_12", "gmlp_ti16")
def test_weights_between_tokens(pair: Pair, request: pytest.FixtureRequest) -> None:
    read, attribute = {
        "mixer_s32": (visualize.token_mixing_maps, "mlp_tokens.fc1"),
        "resmlp_12": (visualize.token_matrices, "linear_tokens"),
        "gmlp_ti16": (visualize.token_matrices, "mlp_channels.gate.proj"),
    }[request.node.callspec.params["pair"]]
    for maps, block in zip(read(pair.ours), pair.theirs.blocks, strict=True):
        expected = block.get_submodule(attribute).weight.detach().unflatten(1, pair.grid).numpy()
        if read is visualize.token_mixing_maps:
            expected = sort_in_pairs(expected)
        np.testing.assert_array_equal(maps, expected)


def block_outputs(pair: Pair, images: torch.Tensor) -> tuple[list[torch.Tensor], torch.Tensor]:
    """Return what timm's blocks return for images (B, C, H, W), and the logits (B, classes)."""
    outputs: list[torch.Tensor] = []
    hooks = [
        block.register_forward_hook(lambda block, inputs, output: outputs.append(output))
        for block in pair.theirs.blocks
    ]
    logits = pair.theirs(images)
    for hook in hooks:
        hook.remove()
    return outputs, logits


@of(*SMALLEST)
def test_feature_maps(pair: Pair) -> None:
    with torch.inference_mode():
        outputs, _ = block_outputs(pair, timm_reference.channels_first(pair.images))
    for maps, output in zip(visualize.feature_maps(pair.ours, pair.images), outputs, strict=True):
        assert relative_difference(maps, pair.to_maps(output).numpy()) <= TOLERANCE


@of(*SMALLEST)
@pytest.mark.parametrize("block", [0, -2])
def test_grad_cam(in_float64: Pair, block: int) -> None:
    pair = in_float64
    outputs, logits = block_outputs(pair, timm_reference.channels_first(pair.images).double())
    score = logits[[0, 1], CLASSES].sum()
    gradient = pair.to_maps(torch.autograd.grad(score, outputs[block])[0])
    weighted = gradient.mean(dim=(1, 2), keepdim=True) * pair.to_maps(outputs[block])
    expected = weighted.sum(dim=-1).relu().detach().numpy()
    assert np.ptp(expected) > 0.1 * expected.max()
    found = visualize.grad_cam(pair.ours, pair.images, block, CLASSES)
    assert relative_difference(found, expected) <= EPSILON["float32"]


@of(*SMALLEST)
def test_receptive_fields(in_float64: Pair) -> None:
    pair = in_float64
    rng = np.random.default_rng(0)  # The signs are drawn as ours are.
    expected = np.zeros(pair.images.shape[1:3])
    for draw in range(8):
        image = timm_reference.channels_first(pair.images[draw % 2][None])
        image = image.double().requires_grad_()
        (first, *_), _ = block_outputs(pair, image)
        rows, columns = (count // 2 for count in pair.grid)
        central = pair.to_maps(first)[0, rows, columns]
        signs = torch.from_numpy(rng.choice([-1, 1], len(central)))
        gradient = torch.autograd.grad((central * signs).sum(), image)[0]
        expected += gradient[0].abs().mean(dim=0).numpy()
    (found,) = visualize.receptive_fields(pair.ours, pair.images, blocks=[0])
    assert relative_difference(found.field, expected / expected.sum()) <= EPSILON["float32"]


@of("vit_ti16", "deit_ti16_distilled")
def test_attention_rollout(pair: Pair) -> None:
    attentions: list[torch.Tensor] = []
    hooks = []
    for block in pair.theirs.blocks:
        block.attn.fused_attn = False  # The fused form has no matrix of attention to look at.
        keep = lambda dropout, inputs, output: attentions.append(output)  # noqa: E731
        hooks.append(block.attn.attn_drop.register_forward_hook(keep))
    with torch.inference_mode():
        pair.theirs(timm_reference.channels_first(pair.images))
    for hook in hooks:
        hook.remove()
    tokens = attentions[0].shape[-1]
    rolled = torch.eye(tokens)
    for attention in attentions:
        rolled = (attention.mean(dim=1) + torch.eye(tokens)) / 2 @ rolled
    expected = pair.to_maps(rolled[:, 0, :, None])[..., 0].numpy()
    assert np.ptp(expected) > 0.5 * expected.max()
    found = visualize.attention_rollout(pair.ours, pair.images)
    assert relative_difference(found, expected) <= TOLERANCE
