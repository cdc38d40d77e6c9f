"""Tells which published variants a checkpoint fits."""

from typing import NamedTuple

from keras_mixers.catalogue import list_models, model_info
from keras_mixers.weights.errors import CheckpointError
from keras_mixers.weights.layouts import LAYOUTS_OF_FAMILY, Layout, Rule
from keras_mixers.weights.read import Checkpoint


class Identity(NamedTuple):
    """What a checkpoint reveals about its network.

    Attributes:
        variant: Name of the published variant.
        classes: Number of classes of its head.
        activation: Activation that the layout implies, or None for the variant's own.
    """

    variant: str
    classes: int
    activation: str | None


def identify(arrays: Checkpoint) -> list[Identity]:
    """Return the variants that a checkpoint fits.

    The names of the arrays determine the family and the number of blocks, and the number of
    parameters the rest. More than one variant fits only if they differ in something without
    parameters, such as the number of attention heads.

    Raises:
        CheckpointError: If it fits no published variant.
    """
    size = sum(array.size for name, array in arrays.items() if not _is_ignored(name))
    fitting = []
    for variant in map(model_info, list_models()):
        depth = int(variant.arguments["depth"])
        for layout in LAYOUTS_OF_FAMILY[variant.family]:
            if not _is_complete(layout, depth, arrays):
                continue
            heads = [rule.key for rule in layout.expand(depth) if _is_head_bias(rule)]
            width, classes = int(variant.arguments["hidden_dim"]), arrays[heads[0]].size
            all_weights = variant.parameters + variant.fixed_parameters
            if size == all_weights + len(heads) * (classes - variant.classes) * (width + 1):
                # Google trained its networks with the tanh form of GELU.
                activation = "gelu_tanh" if "Google" in layout.name else None
                fitting.append(Identity(variant.name, classes, activation))
    if not fitting:
        raise CheckpointError(
            "The checkpoint fits no published variant; build its model with the family's "
            "function, such as ConvMixer, and call load_checkpoint."
        )
    return fitting


def _is_complete(layout: Layout, depth: int, arrays: Checkpoint) -> bool:
    """Tell whether a checkpoint has every key of a layout."""
    return all(key in arrays for rule in layout.expand(depth) for key in rule.keys)


def _is_head_bias(rule: Rule) -> bool:
    return rule.weight.startswith("head/") and rule.weight.endswith("/bias")


def _is_ignored(name: str) -> bool:
    return any(
        name.endswith(layout.ignored)
        for layouts in LAYOUTS_OF_FAMILY.values()
        for layout in layouts
        if layout.ignored
    )
