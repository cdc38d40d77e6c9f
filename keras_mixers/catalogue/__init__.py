"""Facts about the published networks, by name. Importing it does not import Keras."""

import difflib
import fnmatch
from dataclasses import replace
from pathlib import Path

from keras_mixers.catalogue.conv_mixer import CONV_MIXER_VARIANTS
from keras_mixers.catalogue.gmlp import GMLP_VARIANTS
from keras_mixers.catalogue.mlp_mixer import MLP_MIXER_VARIANTS
from keras_mixers.catalogue.res_mlp import RES_MLP_VARIANTS
from keras_mixers.catalogue.sources import find_source, is_weights_name, sources_of
from keras_mixers.catalogue.t2t_vit import T2T_VIT_VARIANTS
from keras_mixers.catalogue.variant import Variant
from keras_mixers.catalogue.vit import VIT_VARIANTS

_ROWS = (
    *CONV_MIXER_VARIANTS,
    *MLP_MIXER_VARIANTS,
    *T2T_VIT_VARIANTS,
    *VIT_VARIANTS,
    *RES_MLP_VARIANTS,
    *GMLP_VARIANTS,
)
_VARIANTS = {variant.name: replace(variant, weights=sources_of(variant.name)) for variant in _ROWS}


def list_models(pattern: str = "*", *, weights: bool = False) -> list[str]:
    """Return the sorted names of the published variants that match a shell pattern.

    Args:
        pattern: The pattern.
        weights: Whether to leave out variants without released weights.

    >>> list_models("mixer_b*")
    ['mixer_b16', 'mixer_b32']
    >>> "mixer_h14" in list_models(), "mixer_h14" in list_models(weights=True)
    (True, False)
    """
    names = fnmatch.filter(_VARIANTS, pattern)
    return sorted(name for name in names if _VARIANTS[name].weights or not weights)


def model_info(name: str) -> Variant:
    """Return the facts about a published variant.

    Raises:
        ValueError: If there is no variant of that name; the message suggests similar names.

    >>> model_info("t2t_vit_14").parameters
    21465806
    """
    if name not in _VARIANTS:
        near = difflib.get_close_matches(str(name), _VARIANTS, n=3)
        advice = f"did you mean {', '.join(near)}?" if near else "see keras_mixers.list_models()."
        raise ValueError(f"There is no variant {name!r}; {advice}")
    return _VARIANTS[name]


def resolve_variant(name: str, weights: str | Path | None) -> Variant:
    """Return the facts about a published variant as it was trained for the given weights.

    Args:
        name: Name of a published variant.
        weights: Name of released weights, whose activation, image size, number of classes and
            preprocessing replace the variant's own; with a file or None, nothing is replaced.

    Raises:
        ValueError: If there is no such variant, or no such weights of it.

    >>> resolve_variant("mixer_b16", "imagenet21k").classes
    21843
    """
    variant = model_info(name)
    if not is_weights_name(weights):
        return variant
    source = find_source(name, str(weights))
    trained = {} if source.activation is None else {"activation": source.activation}
    return replace(
        variant,
        arguments={**variant.arguments, **trained},
        input_shape=(source.image_size, source.image_size, variant.input_shape[2]),
        classes=source.classes,
        preprocessing=source.preprocessing,
    )
