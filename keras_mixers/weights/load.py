"""Loads a released checkpoint into a model and accounts for every key and every weight."""

from collections.abc import Iterable
from pathlib import Path

import keras
import numpy as np

from keras_mixers.weights.adapt import Position, adapt_to_model
from keras_mixers.weights.errors import CheckpointError
from keras_mixers.weights.layouts import LAYOUTS, Layout, Rule
from keras_mixers.weights.read import Checkpoint, read_checkpoint

_HEAD = "head/"


def load_checkpoint(
    model: keras.Model,
    path: str | Path,
    *,
    skip_head: bool = False,
    position: Position = "interpolate",
) -> None:
    """Load a released checkpoint into a model of this library.

    Every key of the file must be used and every weight of the model filled; a model without a head
    ignores the file's head. If anything does not fit, the model stays as it was.

    The model may have another number of input channels: the weights of the patch embedding are
    summed for one channel and repeated for more. A T2T-ViT may have any other resolution, and an
    MLP-Mixer whole multiples of the trained one, with a `tokens_mlp_dim` that is larger by the same
    factor as the number of patches.

    Args:
        model: Built by `ConvMixer`, `MLPMixer`, `T2TViT` or `create_model`.
        path: A checkpoint of timm (`.safetensors`, `.pth`, `.bin`), of the ConvMixer authors
            (`.pth.tar`), of Google's Mixer (`.npz`), or of the T2T-ViT authors (`.pth.tar`).
        skip_head: Whether to leave the model's head unchanged, for other classes.
        position: Where a T2T-ViT at another resolution gets its position table from:
            "interpolate" interpolates the checkpoint's, which keeps far more of the accuracy,
            "computed" uses the one that was computed for the new grid.

    Raises:
        FileNotFoundError: If there is no such file.
        CheckpointError: A ValueError, if the file is damaged or does not fit the model; the message
            names the keys that are left over, missing, or of another shape.
        ImportError: If the file needs torch, which is not installed.

    Example:

    >>> model = keras_mixers.create_model("mixer_b16")  # doctest: +SKIP
    >>> keras_mixers.load_checkpoint(model, "Mixer-B_16.npz")  # doctest: +SKIP
    """
    arrays = read_checkpoint(path)
    source = Path(path).name
    weights = {weight.path: weight for weight in model.weights}
    layout = _choose_layout(model, weights, arrays, source)
    if skip_head:
        weights = {name: weight for name, weight in weights.items() if not name.startswith(_HEAD)}
    rules = [rule for rule in layout.expand(_number_of_blocks(weights)) if rule.weight in weights]
    _check_names(layout, rules, weights, arrays, source)
    values = {rule.weight: rule.value(arrays) for rule in rules}
    try:
        values = adapt_to_model(model, values, position)
    except ValueError as error:
        raise CheckpointError(f"{source} does not fit the model: {error}") from None
    _check_shapes([rule for rule in rules if rule.weight in values], weights, values, source)
    for name, value in values.items():
        weights[name].assign(value)


def load_weights(model: keras.Model, path: str | Path) -> None:
    """Load a released checkpoint or a Keras `.weights.h5` file, as `load_checkpoint` does."""
    if not str(path).endswith(".weights.h5"):
        load_checkpoint(model, path)
        return
    if not Path(path).is_file():
        raise FileNotFoundError(f"There is no weights file {str(path)!r}.")
    model.load_weights(path)


def _number_of_blocks(weights: Iterable[str]) -> int:
    """Return how many blocks the model has."""
    return len({name.split("/")[0] for name in weights if name.startswith("block_")})


def _choose_layout(
    model: keras.Model, weights: Iterable[str], arrays: Checkpoint, source: str
) -> Layout:
    """Return the layout that describes this model and shares most keys with this file."""
    depth, names = _number_of_blocks(weights), set(weights)
    fitting = {
        layout: {key for rule in layout.expand(depth) for key in rule.keys}
        for layout in LAYOUTS
        if names <= {rule.weight for rule in layout.expand(depth)}
    }
    if not fitting:
        raise CheckpointError(
            f"The model {model.name!r} is not as a model function of keras_mixers builds it, so no "
            "released checkpoint fits it."
        )
    layout = max(fitting, key=lambda layout: len(fitting[layout] & set(arrays)))
    # Further blocks say nothing new, and some names, such as "norm", are in several layouts.
    expected = {key for rule in layout.expand(1) for key in rule.keys}
    if len(expected & set(arrays)) < len(expected) / 2:
        raise CheckpointError(
            f"{source} is a checkpoint of another architecture than the model {model.name!r}: it "
            f"holds {_first_few(sorted(arrays))}; expected {_first_few(sorted(expected))}."
        )
    return layout


def _check_names(
    layout: Layout,
    rules: list[Rule],
    weights: Iterable[str],
    arrays: Checkpoint,
    source: str,
) -> None:
    """Raise CheckpointError if a weight would stay empty or a key unused."""
    headless = not any(name.startswith(_HEAD) for name in weights)
    head = {
        key
        for rule in layout.expand(_number_of_blocks(weights))
        if headless and rule.weight.startswith(_HEAD)
        for key in rule.keys
    }
    used = {key for rule in rules for key in rule.keys}
    missing = sorted(used - set(arrays))
    unused = sorted(
        key for key in set(arrays) - used - head if not key.endswith(layout.ignored or ("\0",))
    )
    if missing or unused:
        problems = [f"lacks {_first_few(missing)}"] * bool(missing)
        problems += [f"holds {_first_few(unused)}, which the model has no place for"] * bool(unused)
        raise CheckpointError(f"{source} ({layout.name}) {' and '.join(problems)}.")


def _check_shapes(
    rules: list[Rule],
    weights: dict[str, keras.Variable],
    values: dict[str, np.ndarray],
    source: str,
) -> None:
    """Raise CheckpointError if an array has another shape than its weight."""
    wrong = [rule for rule in rules if values[rule.weight].shape != weights[rule.weight].shape]
    if not wrong:
        return
    if all(rule.weight.startswith(_HEAD) for rule in wrong):
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
    raise CheckpointError(f"{source} has other shapes than the model: {_first_few(shapes, '; ')}.")


def _first_few(items: list[str], separator: str = ", ") -> str:
    """Return the first items as text, and how many more there are."""
    rest = f"{separator}and {len(items) - 3} more" if len(items) > 3 else ""
    return separator.join(items[:3]) + rest
