"""Converts released weights to Keras files."""

from pathlib import Path

import keras

from keras_mixers.atomic_files import write_atomically
from keras_mixers.catalogue import model_info
from keras_mixers.models import common
from keras_mixers.models.registry import FAMILIES, create_model
from keras_mixers.weights.errors import CheckpointError
from keras_mixers.weights.hubs.address import is_hub_address
from keras_mixers.weights.hubs.fetch import fetch_weights_file
from keras_mixers.weights.identify import Identity, identify
from keras_mixers.weights.read import read_checkpoint

_ENDINGS = (".keras", ".weights.h5")


def convert(
    source: str, out: Path, variant: str | None = None, overwrite: bool = False
) -> tuple[keras.Model, str]:
    """Write released weights as a Keras model or a Keras weights file.

    Args:
        source: Path of a checkpoint, or its address on a hub, such as "hf://user/name", which
            gets the preprocessing of its variant; or "variant:weights", such as
            "mixer_b16:imagenet" or "mixer_b16:hf://user/name", which has its own preprocessing.
        out: The file to write, `.keras` or `.weights.h5`. It appears whole or not at all.
        variant: Name of the checkpoint's variant; by default it is found from the content.
        overwrite: Whether to replace `out`.

    Returns:
        The model, and a description of its weights in one line.

    Raises:
        ValueError: If the source fits no known variant, or `out` has another ending.
        FileExistsError: If `out` exists and must stay.
        OSError: If the source can't be read or downloaded.

    Example:

    >>> convert("mixer_b16:imagenet", Path("mixer.keras"))  # doctest: +SKIP
    """
    if not out.name.endswith(_ENDINGS):
        raise ValueError(f"{out} must end in {' or '.join(_ENDINGS)}.")
    with write_atomically(out, overwrite) as place:
        model, account = build_from_checkpoint(source, variant)
        if out.name.endswith(".keras"):
            model.save(place)
        else:
            model.save_weights(place)
    return model, account


def build_from_checkpoint(source: str, variant: str | None = None) -> tuple[keras.Model, str]:
    """Build a model with released weights.

    Args:
        source: As for `convert`.
        variant: Name of the checkpoint's variant; by default it is found from the content.

    Returns:
        The model, and a description of its weights in one line.

    Raises:
        ValueError: If the source fits no known variant.
        OSError: If the source can't be read or downloaded.

    Example:

    >>> build_from_checkpoint("mixer_b16:imagenet")  # doctest: +SKIP
    """
    if is_hub_address(source):
        source = str(fetch_weights_file(source))
    name, colon, weights = source.partition(":")
    if colon and not Path(source).exists():
        if variant not in (None, name):
            raise ValueError(f"{source!r} belongs to {name!r}; received the variant {variant!r}.")
        return create_model(name, weights=weights), f"weights {weights!r} with their preprocessing"
    identity = _identify_as(Path(source), variant)
    info = model_info(identity.variant)
    arguments = dict(info.arguments)
    if identity.activation is not None:
        arguments["activation"] = identity.activation
    images = common.image_input(None, info.input_shape)
    model = FAMILIES[info.family](
        **arguments,
        include_preprocessing=False,
        input_tensor=common.preprocess(images, info.preprocessing, None),
        classes=identity.classes,
        weights=source,
        name=info.name,
    )
    activation = arguments.get("activation", "gelu")
    return model, (
        f"{identity.classes} classes, activation {activation}, preprocessing of the variant: "
        f"mean {info.preprocessing.mean}, std {info.preprocessing.std}"
    )


def _identify_as(path: Path, variant: str | None) -> Identity:
    """Identify a checkpoint as `variant`, or as the only variant that it fits."""
    fitting = identify(read_checkpoint(path))
    names = [identity.variant for identity in fitting]
    if variant is not None:
        model_info(variant)  # Raises the error for an unknown name.
        if variant not in names:
            raise CheckpointError(f"{path.name} fits {' or '.join(names)}, not {variant}.")
        return fitting[names.index(variant)]
    if len(fitting) > 1:
        raise CheckpointError(f"{path.name} fits {' and '.join(names)}; choose one with --variant.")
    return fitting[0]
