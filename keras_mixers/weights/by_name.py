"""Released weights by name: which file is meant, its download, and loading it into a model."""

import logging
from collections.abc import Mapping
from pathlib import Path

import keras

from keras_mixers.catalogue import list_models, model_info, resolve_variant
from keras_mixers.catalogue.source import Source
from keras_mixers.catalogue.sources import find_source, is_weights_name
from keras_mixers.catalogue.variant import Argument
from keras_mixers.layers.activations import Activation
from keras_mixers.weights.hubs.address import is_hub_address
from keras_mixers.weights.hubs.fetch import HubWeights, fetch_weights
from keras_mixers.weights.load import load_checkpoint

_LOG = logging.getLogger("keras_mixers")


def download_weights(variant: str, name: str = "imagenet") -> Path:
    """Download a released file, unless it is in the cache, and return its path.

    Args:
        variant: Name of a published variant.
        name: Name of the weights, one of those in `model_info(variant).weights`.

    Raises:
        ValueError: If there is no such variant, or no such weights of it.
        DownloadError: An OSError, if the file can't be downloaded.

    Example:

    >>> download_weights("mixer_b16")  # doctest: +SKIP
    PosixPath('/home/me/.cache/keras_mixers/imagenet1k-Mixer-B_16.npz')
    """
    from keras_mixers.weights.download import fetch  # Imports what only downloads need.

    return fetch(find_source(model_info(variant).name, name))


def find_named_weights(
    family: str,
    arguments: Mapping[str, Argument],
    activation: Activation,
    weights: str | Path | Source | HubWeights | None,
) -> Source | HubWeights | None:
    """Return the released file that `weights` names for a network, or None if it is not a name.

    A file on a hub is downloaded, because it says how its images are preprocessed.

    Args:
        family: Name of the family's function, such as "ConvMixer".
        arguments: Arguments of the network, without its activation.
        activation: Activation of the network.
        weights: Name of released weights, their row of the catalogue, an address on a hub, what
            was found there, a file, or None.

    Raises:
        ValueError: If `weights` is a name, but the network is not a published variant, has no
            released weights of that name, or has another activation than they were trained with,
            or if several variants with such weights are the same network.
        DownloadError: An OSError, if the file on a hub can't be downloaded.
    """
    if isinstance(weights, Source | HubWeights):
        return weights
    if is_hub_address(weights):
        return fetch_weights(str(weights), family, int(arguments["depth"]))
    if not is_weights_name(weights):
        return None
    name = str(weights)
    fitting = [
        variant
        for variant in map(model_info, list_models())
        if variant.family == family and arguments.items() <= variant.arguments.items()
    ]
    if not fitting:
        released = sorted({info.name for info in map(model_info, list_models()) if info.weights})
        raise ValueError(
            f"weights={name!r} belong to published variants ({', '.join(released)}), and none of "
            f"them is a {family} with these arguments; pass the path of a file, or None."
        )
    named = [variant for variant in fitting if name in {source.name for source in variant.weights}]
    if len(named) > 1:
        raise ValueError(
            f"weights={name!r} may be those of {' or '.join(variant.name for variant in named)}, "
            "which are the same network; choose one by create_model(name, weights=...)."
        )
    variant = (named or fitting)[0]
    source = find_source(variant.name, name)
    trained = resolve_variant(variant.name, name).arguments.get("activation", "gelu")
    if activation != trained:
        raise ValueError(
            f"The weights {name!r} of {variant.name} were trained with activation={trained!r}; "
            f"received {activation!r}."
        )
    return source


def load_named_weights(model: keras.Model, source: Source | HubWeights) -> None:
    """Load a released file into a model, except the head if its number of classes differs."""
    if isinstance(source, HubWeights):
        path = source.path
    else:
        path = download_weights(source.variant, source.name)
    heads = [layer.units for layer in model.layers if layer.name == "head"]
    other_classes = bool(heads) and source.classes not in (None, heads[0])
    load_checkpoint(model, path, skip_head=other_classes)
    if other_classes:
        _LOG.warning(
            "%s: the head for %d classes keeps its initial weights; the others are from %r "
            "(%d classes).",
            model.name,
            heads[0],
            source.name,
            source.classes,
        )
