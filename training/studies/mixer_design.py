"""MLP-Mixer's widths and patches, one changed at a time, and images with shuffled patches.

keras-mixers compare mixer_design
"""

from dataclasses import replace

from training.studies.shared_recipes import LIMITS, MNIST5K
from training.study import Arm, Series, Study

_ARGUMENTS = "model.arguments"
_BASE = "MLP-Mixer"
_SIZES = {"hidden_dim": 56, "depth": 4, "patch_size": 4}
_SIZES |= {"tokens_mlp_dim": 32, "channels_mlp_dim": 88}


def _arms(word: str, name: str, one: int, other: int) -> tuple[list[Arm], Series]:
    """Return arms with two values of an argument, and the line of these and the base."""
    arms = [Arm(f"{word} {value}", {f"{_ARGUMENTS}.{name}": value}) for value in (one, other)]
    labels = (_BASE, *(arm.label for arm in arms))
    return arms, Series(word, f"{_ARGUMENTS}.{name}", labels)


_PARTS = (
    _arms("Token MLP", "tokens_mlp_dim", 8, 128),
    _arms("Channel MLP", "channels_mlp_dim", 22, 352),
    _arms("Patch", "patch_size", 8, 16),
)

_SHUFFLE = {"model.shuffled_patches": _SIZES["patch_size"]}
_CONV_MIXER = {"model.name": "ConvMixer", _ARGUMENTS: dict(MNIST5K.model.arguments)}
# Patches in another order, and the pixels within each: all that MLP-Mixer knows is still there.
_SHUFFLED = (
    Arm("MLP-Mixer, shuffled", _SHUFFLE),
    Arm("ConvMixer", _CONV_MIXER),
    Arm("ConvMixer, shuffled", {**_CONV_MIXER, **_SHUFFLE}),
)

STUDY = Study(
    name="mixer_design",
    question="Which of MLP-Mixer's sizes matter, and does it matter where patches are?",
    recipe=replace(MNIST5K, model=replace(MNIST5K.model, name="MLPMixer", arguments=_SIZES)),
    arms=(Arm(_BASE), *(arm for arms, _ in _PARTS for arm in arms), *_SHUFFLED),
    series=tuple(series for _, series in _PARTS),
    limits=LIMITS,
)
