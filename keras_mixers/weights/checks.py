"""Tells what of a checkpoint doesn't fit a model, before any weight is changed."""

from collections.abc import Iterable, Mapping

import keras
import numpy as np

from keras_mixers.weights.adapt import Values
from keras_mixers.weights.errors import CheckpointError
from keras_mixers.weights.layouts import Layout, Rule
from keras_mixers.weights.read import Checkpoint

HEAD = "head/"


def check_names(
    layout: Layout, rules: list[Rule], head: list[Rule], arrays: Checkpoint, source: str
) -> None:
    """Raise CheckpointError if a weight would stay empty or a key unused.

    Args:
        layout: The layout of the file.
        rules: The rules for the weights that are to be filled.
        head: The rules for a head that the model does not have.
        arrays: The file's arrays.
        source: Name of the file, for messages.
    """
    used = {key for rule in rules for key in rule.keys}
    known = used | {key for rule in head for key in rule.keys}
    missing = sorted(used - set(arrays))
    unused = sorted(
        key for key in set(arrays) - known if not key.endswith(layout.ignored or ("\0",))
    )
    if missing or unused:
        problems = [f"lacks {first_few(missing)}"] * bool(missing)
        problems += [f"holds {first_few(unused)}, which the model has no place for"] * bool(unused)
        raise CheckpointError(f"{source} ({layout.name}) {' and '.join(problems)}.")


def check_types(rules: Iterable[Rule], arrays: Checkpoint, source: str) -> None:
    """Raise CheckpointError if a key holds no real numbers."""
    types = {key: arrays[key].dtype for rule in rules for key in rule.keys}
    # numpy takes bfloat16, which Keras brings, for a type of unknown kind.
    wrong = [
        f"{key} has type {dtype.name}"
        for key, dtype in types.items()
        if dtype.kind not in "fiub" and dtype.name != "bfloat16"
    ]
    if wrong:
        raise CheckpointError(
            f"{source} holds something else than real numbers: {first_few(wrong)}; expected "
            "float32, float16 or bfloat16, take another file."
        )


def transform(
    rules: Iterable[Rule],
    weights: Mapping[str, keras.Variable],
    arrays: Checkpoint,
    source: str,
) -> Values:
    """Return the values of the weights, which have as many axes as the weights have.

    Raises:
        CheckpointError: If a key has another number of axes, is empty, or can't be cut as its
            layout says.
    """
    values, wrong = {}, []
    for rule in rules:
        shape = tuple(weights[rule.weight].shape)
        try:
            value = rule.value(arrays)
        except (ValueError, IndexError, TypeError):
            value = np.empty(0)
        if value.size and value.ndim == len(shape):
            values[rule.weight] = value
            continue
        received = ", ".join(str(arrays[key].shape) for key in rule.keys)
        wrong.append(f"{', '.join(rule.keys)} has shape {received}, expected numbers for {shape}")
    if wrong:
        raise _shape_error(wrong, source)
    return values


def check_shapes(
    rules: list[Rule], weights: Mapping[str, keras.Variable], values: Values, source: str
) -> None:
    """Raise CheckpointError if an array has another shape than its weight."""
    wrong = [rule for rule in rules if values[rule.weight].shape != weights[rule.weight].shape]
    if not wrong:
        return
    if all(rule.weight.startswith(HEAD) for rule in wrong):
        theirs, ours = (side[wrong[0].weight].shape[-1] for side in (values, weights))
        raise CheckpointError(
            f"{source} has {theirs} classes, but the model has classes={ours}; build it with "
            f"classes={theirs}, or with include_top=False to leave the head out."
        )
    shapes = [
        f"{', '.join(rule.keys)} has shape {values[rule.weight].shape}, expected "
        f"{weights[rule.weight].shape}"
        for rule in wrong
    ]
    raise _shape_error(shapes, source)


def cast(
    rules: Iterable[Rule], weights: Mapping[str, keras.Variable], values: Values, source: str
) -> Values:
    """Return the values in the weights' types.

    Raises:
        CheckpointError: If a value is NaN or infinite, or becomes so.
    """
    with np.errstate(over="ignore"):  # Reported below, with its key.
        cast_values = {
            name: value.astype(np.dtype(weights[name].dtype), copy=False)
            for name, value in values.items()
        }
    wrong = [
        f"{', '.join(rule.keys)} in {weights[rule.weight].dtype}"
        for rule in rules
        if not np.isfinite(cast_values[rule.weight]).all()
    ]
    if wrong:
        raise CheckpointError(
            f"{source} holds NaN or infinity: {first_few(wrong)}; expected finite numbers, "
            "take another file."
        )
    return cast_values


def first_few(items: list[str], separator: str = ", ") -> str:
    """Return the first items as text, and how many more there are."""
    rest = f"{separator}and {len(items) - 3} more" if len(items) > 3 else ""
    return separator.join(items[:3]) + rest


def _shape_error(shapes: list[str], source: str) -> CheckpointError:
    return CheckpointError(f"{source} has other shapes than the model: {first_few(shapes, '; ')}.")
