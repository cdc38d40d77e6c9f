"""Loads a released checkpoint into a model and accounts for every key and every weight."""

from pathlib import Path

import keras

from keras_mixers.weights.adapt import Position, Values, adapt_to_model
from keras_mixers.weights.checks import (
    HEAD,
    cast,
    check_names,
    check_shapes,
    check_types,
    first_few,
    transform,
)
from keras_mixers.weights.errors import CheckpointError
from keras_mixers.weights.keras_weights import load_keras_weights
from keras_mixers.weights.layouts import Layout
from keras_mixers.weights.layouts.fitting import fitting_layouts, number_of_blocks
from keras_mixers.weights.read import Checkpoint, read_checkpoint


def load_checkpoint(
    model: keras.Model,
    path: str | Path,
    *,
    skip_head: bool = False,
    position: Position = "interpolate",
) -> None:
    """Load a released checkpoint into a model of this library.

    Every key of the file must be used and every weight of the model filled; a model without a head
    ignores the file's head. All is read, converted and checked before the first weight is changed:
    if anything does not fit, or is NaN or infinite, the model stays as it was.

    The checksums of zip archives are compared, which `.npz` files and those of torch are. In
    `.safetensors` files and torch's pickles from before torch 1.6, which have none, changed numbers
    stay unseen unless the file's sha256 is known, as those of downloads may be.

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
            names the keys that are left over, missing, of another shape or type, or not finite.
        ImportError: If the file needs torch, which is not installed.

    Example:

    >>> model = keras_mixers.create_model("mixer_b16")  # doctest: +SKIP
    >>> keras_mixers.load_checkpoint(model, "Mixer-B_16.npz")  # doctest: +SKIP
    """
    arrays = read_checkpoint(path)
    weights = {weight.path: weight for weight in model.weights}
    layout = _choose_layout(model, arrays, Path(path).name)
    if skip_head:
        weights = {name: weight for name, weight in weights.items() if not name.startswith(HEAD)}
    for name, value in _values(model, weights, layout, arrays, Path(path).name, position).items():
        weights[name].assign(value)


def load_weights(model: keras.Model, path: str | Path) -> None:
    """Load a released checkpoint or a Keras `.weights.h5` file, as `load_checkpoint` does."""
    if str(path).endswith(".weights.h5"):
        load_keras_weights(model, Path(path))
    else:
        load_checkpoint(model, path)


def _values(
    model: keras.Model,
    weights: dict[str, keras.Variable],
    layout: Layout,
    arrays: Checkpoint,
    source: str,
    position: Position,
) -> Values:
    """Return what is to be assigned to each weight, checked to the end."""
    every_rule = list(layout.expand(number_of_blocks(weights)))
    rules = [rule for rule in every_rule if rule.weight in weights]
    headless = not any(name.startswith(HEAD) for name in weights)
    head = [rule for rule in every_rule if headless and rule.weight.startswith(HEAD)]
    check_names(layout, rules, head, arrays, source)
    check_types(rules, arrays, source)
    values = transform(rules, weights, arrays, source)
    try:
        values = adapt_to_model(model, values, position)
    except ValueError as error:
        raise CheckpointError(f"{source} does not fit the model: {error}") from None
    rules = [rule for rule in rules if rule.weight in values]
    check_shapes(rules, weights, values, source)
    return cast(rules, weights, values, source)


def _choose_layout(model: keras.Model, arrays: Checkpoint, source: str) -> Layout:
    """Return the layout that describes this model and shares most keys with this file."""
    depth = number_of_blocks(weight.path for weight in model.weights)

    def shared_keys(layout: Layout) -> int:
        return len({key for rule in layout.expand(depth) for key in rule.keys} & set(arrays))

    layout = max(fitting_layouts(model), key=shared_keys)
    # Further blocks say nothing new, and some names, such as "norm", are in several layouts.
    expected = {key for rule in layout.expand(1) for key in rule.keys}
    if len(expected & set(arrays)) < len(expected) / 2:
        raise CheckpointError(
            f"{source} is a checkpoint of another architecture than the model {model.name!r}: it "
            f"holds {first_few(sorted(arrays))}; expected {first_few(sorted(expected))}."
        )
    return layout
