"""The same network in timm: how it is built there, and the file by which timm's hub builds it."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import keras

from hub_export.model_facts import ModelFacts
from hub_export.publish.timm_names import TIMM_NAMES
from keras_mixers.catalogue import model_info
from keras_mixers.layers import ClassToken, DistilledHead, PatchEmbed
from keras_mixers.models.published import family_blocks, model_family

# What the published variants leave to their functions.
_MLP_RATIOS = {"ResMLP": 4, "gMLP": 6}
_ACTIVATIONS = ("gelu", "gelu_tanh", "relu")
# The layers that timm replaces for other classes or channels.
_FIRST_LAYER = {"ConvMixer": "stem.0", "ViT": "patch_embed.proj"}


@dataclass(frozen=True)
class TimmNetwork:
    """A network as timm builds it.

    Attributes:
        name: Its name in `timm.create_model`, or None if it is of a size of its own.
        constructor: Its class, such as "timm.models.convmixer.ConvMixer".
        arguments: The class's arguments, in Python's syntax.
    """

    name: str | None
    constructor: str
    arguments: Mapping[str, str]


def timm_network(model: keras.Model) -> TimmNetwork | None:
    """Return a model's network as timm builds it, or None if timm has none that is the same.

    >>> import keras_mixers
    >>> model = keras_mixers.ConvMixer(8, 2, patch_size=4, kernel_size=3, classes=5)
    >>> timm_network(model).arguments["kernel_size"]
    '3'
    """
    family = model_family(model)
    if family not in _BUILDERS:
        return None
    size = _size(model)
    if size["activation"] not in _ACTIVATIONS:
        return None
    constructor, arguments = _BUILDERS[family](model, size)
    height, width, channels = model.inputs[0].shape[1:]
    if family != "ConvMixer":
        arguments = {"img_size": (height, width), **arguments}
    arguments |= {"in_chans": channels, "num_classes": _classes(model)}
    shown = {name: repr(value) for name, value in arguments.items()}
    shown |= _SPECIAL.get(family, {})
    shown["act_layer"] = f"timm.layers.get_act_layer({size['activation']!r})"
    return TimmNetwork(_find_name(model, family, size), f"timm.models.{constructor}", shown)


def timm_config(
    model: keras.Model, name: str, facts: ModelFacts, labels: Sequence[str] | None
) -> dict[str, Any]:
    """Return what `config.json` holds for `timm.create_model("hf-hub:user/name")`.

    Args:
        model: The model, for images of a known size.
        name: Its name in timm.
        facts: What is known about the model.
        labels: One name per class.

    Reference: `timm.models.load_model_config_from_hf`.
    """
    height, width, channels = facts.input_shape
    heads = ["head", "head_dist"] if _has_layer(model, DistilledHead) else "head"
    preprocessing = {
        "mean": facts.mean,
        "std": facts.std,
        "crop_pct": facts.crop,
        "interpolation": facts.interpolation,
        "license": facts.licence,
    }
    config: dict[str, Any] = {
        "architecture": name,
        "num_classes": _classes(model),
        "num_features": facts.feature_shape[-1],
        "pretrained_cfg": {
            "num_classes": _classes(model),
            "input_size": [channels, height or 224, width or 224],
            "fixed_input_size": facts.family != "ConvMixer",
            "pool_size": None,
            "crop_mode": "center",
            "first_conv": _FIRST_LAYER.get(facts.family or "", "stem.proj"),
            "classifier": heads,
            **{key: value for key, value in preprocessing.items() if value is not None},
        },
    }
    # timm names classes by them, so that they must differ.
    if labels is not None and len(set(labels)) == len(labels):
        config["label_names"] = list(labels)
    return config


def _classes(model: keras.Model) -> int:
    return next((layer.units for layer in model.layers if layer.name == "head"), 0)


def _has_layer(model: keras.Model, kind: type[keras.layers.Layer]) -> bool:
    return any(isinstance(layer, kind) for layer in model.layers)


def _size(model: keras.Model) -> dict[str, Any]:
    """Return the arguments of a model's function that make its network, in this library's words."""
    blocks = family_blocks(model)
    patches = next(layer for layer in model.layers if isinstance(layer, PatchEmbed))
    return {
        **blocks[0].get_config(),
        "hidden_dim": patches.hidden_dim,
        "patch_size": patches.patch_size,
        "depth": len(blocks),
        "class_token": _has_layer(model, ClassToken),
        "distilled": sum(isinstance(layer, ClassToken) for layer in model.layers) == 2,
    }


def _find_name(model: keras.Model, family: str, size: Mapping[str, Any]) -> str | None:
    """Return timm's name of the published variant that is the same network, if there is one."""
    names = [model.name] if model.name in TIMM_NAMES else []
    for name in [*names, *TIMM_NAMES]:
        info = model_info(name)
        arguments = {"activation": "gelu", **info.arguments}
        arguments.pop("initial_scale", None)  # The weights have it.
        if family in _MLP_RATIOS:
            arguments["channels_mlp_dim"] = _MLP_RATIOS[family] * int(arguments["hidden_dim"])
        if info.family == family and arguments.items() <= size.items():
            return TIMM_NAMES[name]
    return None


def _conv_mixer(model: keras.Model, size: Mapping[str, Any]) -> tuple[str, dict[str, Any]]:
    arguments = {
        "dim": size["hidden_dim"],
        "depth": size["depth"],
        "kernel_size": size["kernel_size"],
        "patch_size": size["patch_size"],
    }
    return "convmixer.ConvMixer", arguments


def _vit(model: keras.Model, size: Mapping[str, Any]) -> tuple[str, dict[str, Any]]:
    arguments = {
        "patch_size": size["patch_size"],
        "embed_dim": size["hidden_dim"],
        "depth": size["depth"],
        "num_heads": size["num_heads"],
        "mlp_ratio": size["mlp_ratio"],
    }
    if size["distilled"]:
        return "deit.VisionTransformerDistilled", arguments
    if not size["class_token"]:
        arguments |= {"class_token": False, "global_pool": "avg", "fc_norm": False}
    return "vision_transformer.VisionTransformer", arguments


def _mixer(model: keras.Model, size: Mapping[str, Any]) -> tuple[str, dict[str, Any]]:
    width = size["hidden_dim"]
    ratios = [_ratio(size[f"{name}_mlp_dim"], width) for name in ("tokens", "channels")]
    return _mlps(size, tuple(ratios))


def _of_one_mlp(model: keras.Model, size: Mapping[str, Any]) -> tuple[str, dict[str, Any]]:
    return _mlps(size, _ratio(size["channels_mlp_dim"], size["hidden_dim"]))


def _mlps(size: Mapping[str, Any], ratio: Any) -> tuple[str, dict[str, Any]]:
    arguments = {
        "patch_size": size["patch_size"],
        "num_blocks": size["depth"],
        "embed_dim": size["hidden_dim"],
        "mlp_ratio": ratio,
    }
    return "mlp_mixer.MlpMixer", arguments


def _ratio(part: int, whole: int) -> float:
    """Return a ratio of which timm, which cuts off fractions, makes `part` again."""
    ratio = part / whole
    return ratio if int(ratio * whole) == part else (part + 0.5) / whole


_Builder = Callable[[keras.Model, Mapping[str, Any]], tuple[str, dict[str, Any]]]
_BUILDERS: dict[str, _Builder] = {
    "ConvMixer": _conv_mixer,
    "ViT": _vit,
    "MLPMixer": _mixer,
    "ResMLP": _of_one_mlp,
    "gMLP": _of_one_mlp,
}
_SPECIAL = {
    "ResMLP": {
        "block_layer": "timm.models.mlp_mixer.ResBlock",
        "norm_layer": "timm.models.mlp_mixer.Affine",
    },
    "gMLP": {
        "block_layer": "timm.models.mlp_mixer.SpatialGatingBlock",
        "mlp_layer": "timm.layers.GatedMlp",
    },
}
