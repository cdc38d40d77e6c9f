"""Tells which published variant a checkpoint is of."""

from typing import NamedTuple

from keras_mixers.catalogue import list_models, model_info
from keras_mixers.weights.errors import CheckpointError
from keras_mixers.weights.layouts import (
    CONV_MIXER_LAYOUTS,
    MIXER_LAYOUTS,
    T2T_VIT_LAYOUTS,
    Layout,
)
from keras_mixers.weights.read import Checkpoint

_LAYOUTS = {
    "ConvMixer": CONV_MIXER_LAYOUTS,
    "MLPMixer": MIXER_LAYOUTS,
    "T2TViT": T2T_VIT_LAYOUTS,
}


class Identity(NamedTuple):
    """What a checkpoint tells of its network.

    Attributes:
        variant: name of the published variant.
        classes: of its head.
        activation: where the layout tells that it is not the variant's; else None.
    """

    variant: str
    classes: int
    activation: str | None


def identify(arrays: Checkpoint) -> list[Identity]:
    """Return the variants that a checkpoint fits.

    The names tell the family and the number of blocks, and the count of all weights the rest: only
    variants that differ in what has no weights, such as heads of attention, are left together.

    Raises:
        CheckpointError: if it is of no published variant.
    """
    size = sum(array.size for name, array in arrays.items() if not _is_ignored(name))
    fitting = []
    for variant in map(model_info, list_models()):
        depth = int(variant.arguments["depth"])
        for layout in _LAYOUTS[variant.family]:
            head = {rule.weight: rule.key for rule in layout.expand(depth)}["head/bias"]
            if head not in arrays or not _is_complete(layout, depth, arrays):
                continue
            width, classes = int(variant.arguments["hidden_dim"]), arrays[head].size
            all_weights = variant.parameters + variant.fixed_parameters
            if size == all_weights + (classes - variant.classes) * (width + 1):
                # Google's own files are of networks with the tanh form of GELU.
                activation = "gelu_tanh" if "Google" in layout.name else None
                fitting.append(Identity(variant.name, classes, activation))
    if not fitting:
        raise CheckpointError(
            "The checkpoint is of no published variant; build its model with ConvMixer, MLPMixer "
            "or T2TViT and call load_checkpoint."
        )
    return fitting


def _is_complete(layout: Layout, depth: int, arrays: Checkpoint) -> bool:
    """Tell whether a checkpoint holds all that a layout names."""
    return all(rule.key in arrays for rule in layout.expand(depth))


def _is_ignored(name: str) -> bool:
    return any(
        name.endswith(layout.ignored)
        for layouts in _LAYOUTS.values()
        for layout in layouts
        if layout.ignored
    )
