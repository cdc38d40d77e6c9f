"""What a table of the weights in a released checkpoint is made of."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from keras_mixers.weights import axis_orders as to
from keras_mixers.weights.axis_orders import AxisOrder

Origin = Literal["timm", "authors", "google"]


@dataclass(frozen=True)
class Rule:
    """Where a weight comes from, or one weight of each block.

    Attributes:
        weight: Path of the Keras weight, where `{i}` is the index of a block.
        key: Name in the checkpoint. `{i}` is the index of a block; `{child}` and `{head}` are the
            positions of the block and of the head in the ConvMixer authors' `nn.Sequential`.
        order: How the checkpoint's array becomes the value of the weight.
        parts: Names to put in place of `{part}` in `key`, for a weight that the checkpoint holds
            in several arrays, to be concatenated along the last axis.
    """

    weight: str
    key: str
    order: AxisOrder = to.same
    parts: tuple[str, ...] = ()

    @property
    def keys(self) -> tuple[str, ...]:
        """The names in the checkpoint."""
        return tuple(self.key.format(part=part) for part in self.parts) or (self.key,)

    def value(self, arrays: Mapping[str, np.ndarray]) -> np.ndarray:
        """Return the weight's value from the arrays of a checkpoint."""
        values = [self.order.load(arrays[key]) for key in self.keys]
        return np.concatenate(values, axis=-1) if self.parts else values[0]

    def arrays(self, value: np.ndarray, heads: int) -> dict[str, np.ndarray]:
        """Return the checkpoint's arrays, by name, from a weight's value: the inverse of `value`.

        Args:
            value: The weight's value.
            heads: Number of attention heads of the network.
        """
        values = np.split(value, len(self.keys), axis=-1)
        return {
            key: self.order.save(part, heads) for key, part in zip(self.keys, values, strict=True)
        }


@dataclass(frozen=True)
class Layout:
    """The names of one kind of checkpoint.

    Attributes:
        name: Name for error messages.
        origin: Whose names they are, or None if too little is known to save a file with them.
        rules: The rules for all weights.
        ignored: Endings of keys that neither inference nor training in Keras needs.
    """

    name: str
    origin: Origin | None
    rules: tuple[Rule, ...]
    ignored: tuple[str, ...] = ()

    def expand(self, depth: int) -> Iterator[Rule]:
        """Yield the rules for a model with `depth` blocks, with the placeholders filled in."""
        for rule in self.rules:
            for i in range(depth if "{i}" in rule.weight else 1):
                yield replace(
                    rule,
                    weight=rule.weight.format(i=i),
                    key=rule.key.format(i=i, child=i + 3, head=depth + 5, part="{part}"),
                )


def affine_rules(weight: str, key: str, kernel: AxisOrder) -> tuple[Rule, ...]:
    """Rules for a torch layer with weight and bias."""
    return (
        Rule(f"{weight}/kernel", f"{key}.weight", kernel),
        Rule(f"{weight}/bias", f"{key}.bias"),
    )


def norm_rules(weight: str, key: str, order: AxisOrder = to.same) -> tuple[Rule, ...]:
    """Rules for a torch LayerNorm."""
    return (
        Rule(f"{weight}/gamma", f"{key}.weight", order),
        Rule(f"{weight}/beta", f"{key}.bias", order),
    )


def batch_norm_rules(weight: str, key: str) -> tuple[Rule, ...]:
    """Rules for a torch BatchNorm2d."""
    return (
        *norm_rules(weight, key),
        Rule(f"{weight}/moving_mean", f"{key}.running_mean"),
        Rule(f"{weight}/moving_variance", f"{key}.running_var"),
    )


def flax_rules(weight: str, key: str) -> tuple[Rule, ...]:
    """Rules for a flax Dense or Conv."""
    return tuple(Rule(f"{weight}/{part}", f"{key}/{part}") for part in ("kernel", "bias"))


def flax_norm_rules(weight: str, key: str) -> tuple[Rule, ...]:
    """Rules for a flax LayerNorm."""
    return (Rule(f"{weight}/gamma", f"{key}/scale"), Rule(f"{weight}/beta", f"{key}/bias"))
