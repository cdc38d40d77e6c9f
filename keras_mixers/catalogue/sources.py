"""All released files, and how to find one."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path

from keras_mixers.catalogue.checksums import CHECKSUMS, Checksum
from keras_mixers.catalogue.conv_mixer import CONV_MIXER_SOURCES
from keras_mixers.catalogue.gmlp import GMLP_SOURCES
from keras_mixers.catalogue.mlp_mixer import MLP_MIXER_SOURCES
from keras_mixers.catalogue.res_mlp import RES_MLP_SOURCES
from keras_mixers.catalogue.source import Source
from keras_mixers.catalogue.t2t_vit import T2T_VIT_SOURCES
from keras_mixers.catalogue.vit import VIT_SOURCES


def _with_checksums(
    sources: Iterable[Source], checksums: Mapping[str, Checksum]
) -> tuple[Source, ...]:
    """Return the sources with the size and checksum of each file, where they are known."""
    rows = tuple(sources)
    unknown = set(checksums) - {source.file for source in rows}
    if unknown:
        raise ValueError(
            f"checksums.py has rows for files that are not released: {sorted(unknown)}."
        )
    return tuple(
        replace(source, **checksums[source.file]._asdict()) if source.file in checksums else source
        for source in rows
    )


SOURCES = _with_checksums(
    (
        *CONV_MIXER_SOURCES,
        *MLP_MIXER_SOURCES,
        *T2T_VIT_SOURCES,
        *VIT_SOURCES,
        *RES_MLP_SOURCES,
        *GMLP_SOURCES,
    ),
    CHECKSUMS,
)


def sources_of(variant: str) -> tuple[Source, ...]:
    """Return the released files of a variant, which may be none.

    >>> [source.name for source in sources_of("convmixer_768_32")]
    ['imagenet', 'imagenet-authors']
    """
    return tuple(source for source in SOURCES if source.variant == variant)


def is_weights_name(weights: str | Path | None) -> bool:
    """Tell whether `weights` is a name of released weights rather than a file, which has an ending.

    >>> [is_weights_name(weights) for weights in ("imagenet21k", "Mixer-B_16.npz", None)]
    [True, False, False]
    """
    return isinstance(weights, str) and re.fullmatch(r"[\w-]+", weights) is not None


def find_source(variant: str, name: str) -> Source:
    """Return the released file of a variant by the name of its weights.

    Args:
        variant: Name of a published variant.
        name: Name of the weights, such as "imagenet".

    Raises:
        ValueError: If there is no such file; the message lists those that exist.

    >>> find_source("mixer_b16", "imagenet21k").classes
    21843
    """
    released = {source.name: source for source in sources_of(variant)}
    if not released:
        others = sorted({source.variant for source in SOURCES})
        raise ValueError(
            f"No weights of {variant!r} were released; there are weights of {', '.join(others)}."
        )
    if name not in released:
        raise ValueError(
            f"There are no weights {name!r} of {variant!r}; choose from {', '.join(released)}."
        )
    return released[name]
