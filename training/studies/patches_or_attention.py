"""Patches or attention: seven networks of the same number of parameters, and two patch sizes.

    keras-mixers compare patches_or_attention

The question of "Patches Are All You Need?" (Trockman and Kolter,
https://arxiv.org/abs/2201.09792): does a vision transformer owe its accuracy to attention, or to
its patches? The first seven arms have the same number of parameters within 5 %, and the same data,
augmentation, optimiser and epochs.
"""

from training.studies.shared_recipes import LIMITS, MNIST5K
from training.study import Arm, Series, Study

_PATCH_SIZE = "model.arguments.patch_size"


def _network(label: str, name: str, **arguments: object) -> Arm:
    return Arm(label, {"model.name": name, "model.arguments": arguments})


def _vit(label: str, patch_size: int) -> Arm:
    sizes = {"hidden_dim": 40, "depth": 4, "num_heads": 4, "mlp_ratio": 2.0}
    return _network(label, "ViT", **sizes, patch_size=patch_size)


_MLP = {"hidden_dim": 56, "depth": 4, "patch_size": 4}

STUDY = Study(
    name="patches_or_attention",
    question="Is it the patches or the attention that makes a vision transformer accurate?",
    recipe=MNIST5K,
    arms=(
        Arm("ConvMixer"),
        _network("MLP-Mixer", "MLPMixer", **_MLP, tokens_mlp_dim=32, channels_mlp_dim=88),
        _network("ResMLP", "ResMLP", **_MLP, channels_mlp_dim=88, initial_scale=1.0),
        _network("gMLP", "gMLP", **_MLP, channels_mlp_dim=112),
        _vit("ViT", 4),
        _network(
            "T2T-ViT", "T2TViT", hidden_dim=40, depth=3, num_heads=4, mlp_ratio=2.0, token_dim=16
        ),
        _network("ResNet", "ResNet", hidden_dim=14, depth=8),
        Arm("ConvMixer, patch 8", {_PATCH_SIZE: 8}),
        Arm("ConvMixer, patch 16", {_PATCH_SIZE: 16}),
        _vit("ViT, patch 8", 8),
        _vit("ViT, patch 16", 16),
    ),
    series=(
        Series(
            "ConvMixer", _PATCH_SIZE, ("ConvMixer", "ConvMixer, patch 8", "ConvMixer, patch 16")
        ),
        Series("ViT", _PATCH_SIZE, ("ViT", "ViT, patch 8", "ViT, patch 16")),
    ),
    limits=(
        *LIMITS,
        "T2T-ViT's splits make 4 tokens of an image of 32 x 32 pixels; the others have 64 patches, "
        "unless a patch size is named. ResNet looks at single pixels.",
        "Arms with a patch size in their name have other numbers of parameters, up to 26 % more.",
    ),
)
