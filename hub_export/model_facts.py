"""What is known of a model, as data: the model card and the SavedModel's metadata say no more."""

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import keras
import numpy as np
import tensorflow as tf

import keras_mixers
from keras_mixers import Preprocessing, list_models, model_info
from keras_mixers.catalogue.preprocessing import Interpolation
from keras_mixers.catalogue.variant import Variant
from keras_mixers.layers import ConvMixerBlock, MixerBlock, TransformerBlock
from keras_mixers.models.heads import features_of, is_classifier

BLOCKS: dict[type[keras.layers.Layer], str] = {
    ConvMixerBlock: "ConvMixer",
    MixerBlock: "MLPMixer",
    TransformerBlock: "T2TViT",
}


@dataclass(frozen=True)
class Facts:
    """What is known of a model; None: it is not known.

    Attributes:
        name: of the model.
        family: "ConvMixer", "MLPMixer" or "T2TViT", by its blocks.
        depth: number of blocks.
        parameters: that an optimiser moves.
        fixed_parameters: that none moves, such as running statistics.
        input_shape: (H, W, C); None for a height or width means any.
        classes: of the head; None: it has no head.
        feature_shape: of an image's features: (C,), or (H, W, C) or (N, C) where nothing is pooled.
        mean: that the model subtracts from pixels in [0, 1], per channel.
        std: that it divides by, per channel.
        crop: side of the central crop at evaluation, as a share of the resized image's shorter
            side.
        interpolation: filter of that resize.
        labels: whether the names of the classes come with it.
        licence: of the weights, as SPDX names it.
        accuracy: share of right predictions, from 0 to 1.
        accuracy_source: the command that measured `accuracy`, or where it was published.
        dataset: what it was trained on.
        paper: address.
        versions: of the packages that wrote it.
    """

    name: str
    family: str | None
    depth: int
    parameters: int
    fixed_parameters: int
    input_shape: tuple[int | None, int | None, int]
    classes: int | None
    feature_shape: tuple[int | None, ...]
    mean: tuple[float, ...] | None
    std: tuple[float, ...] | None
    crop: float | None
    interpolation: Interpolation | None
    labels: bool
    licence: str | None
    accuracy: float | None
    accuracy_source: str | None
    dataset: str | None
    paper: str | None
    versions: dict[str, str]

    def to_json(self) -> dict[str, Any]:
        """Return the facts, and what goes into the SavedModel, as JSON has them.

        >>> model = keras_mixers.ConvMixer(8, 1, input_shape=(None, None, 3), classes=5)
        >>> facts_of(model).to_json()["input_shape"]
        [None, None, 3]
        """
        facts = {
            name: list(value) if isinstance(value, tuple) else value
            for name, value in asdict(self).items()
        }
        return {**facts, "input_dtype": "float32", "input_range": [0, 1]}


def facts_of(
    model: keras.Model,
    labels: Sequence[str] | None = None,
    licence: str | None = None,
    accuracy: float | None = None,
    accuracy_source: str | None = None,
    dataset: str | None = None,
    preprocessing: Preprocessing | None = None,
) -> Facts:
    """Return what is known of a model: what it says itself, and what is told here.

    Args:
        model: built by `ConvMixer`, `MLPMixer`, `T2TViT` or `create_model`.
        labels: names of the classes.
        licence: of the weights, as SPDX names it.
        accuracy: share of right predictions, from 0 to 1.
        accuracy_source: the command that measured it, or where it was published.
        dataset: what the weights were trained on.
        preprocessing: of the model's evaluation; None: that of the published variant of its name
            and normalisation, if there is one.

    Raises:
        ValueError: if the accuracy is no share, or comes without its source.

    >>> model = keras_mixers.MLPMixer(8, 2, input_shape=(32, 32, 3), classes=5)
    >>> facts = facts_of(model, licence="MIT")
    >>> facts.family, facts.classes, facts.feature_shape, facts.mean, facts.licence
    ('MLPMixer', 5, (8,), (0.5, 0.5, 0.5), 'MIT')
    """
    if accuracy is not None:
        if not 0 <= accuracy <= 1:
            raise ValueError(f"accuracy must be a share from 0 to 1; received {accuracy!r}.")
        if not accuracy_source:
            raise ValueError(
                f"accuracy={accuracy!r} came without accuracy_source; say which command measured "
                "it, or where it was published."
            )
    blocks = [layer for layer in model.layers if type(layer) in BLOCKS]
    family = BLOCKS[type(blocks[0])] if blocks else None
    height, width, channels = model.inputs[0].shape[1:]
    mean, std = _normalisation(model, channels)
    variant = _variant(model.name, family)
    crop, interpolation = _evaluation(variant, mean, std)
    if preprocessing is not None:
        crop, interpolation = preprocessing.crop, preprocessing.interpolation
    return Facts(
        name=model.name,
        family=family,
        depth=len(blocks),
        parameters=_count(model.trainable_weights),
        fixed_parameters=_count(model.non_trainable_weights),
        input_shape=(height, width, channels),
        classes=model.get_layer("head").units if is_classifier(model) else None,
        feature_shape=tuple(features_of(model).output.shape[1:]),
        mean=mean,
        std=std,
        crop=crop,
        interpolation=interpolation,
        labels=labels is not None,
        licence=licence,
        accuracy=accuracy,
        accuracy_source=None if accuracy is None else accuracy_source,
        dataset=dataset,
        paper=variant.paper if variant else _paper(family),
        versions={
            "keras_mixers": keras_mixers.__version__,
            "keras": keras.__version__,
            "tensorflow": tf.__version__,
        },
    )


def _count(weights: Iterable[keras.Variable]) -> int:
    return sum(int(np.prod(weight.shape)) for weight in weights)


def _normalisation(
    model: keras.Model, channels: int
) -> tuple[tuple[float, ...] | None, tuple[float, ...] | None]:
    """Return mean and std, of pixels in [0, 1], that the layer `preprocessing` stands for."""
    layers = [layer for layer in model.layers if layer.name == "preprocessing"]
    if not (layers and isinstance(layers[0], keras.layers.Rescaling)):
        return None, None
    # It computes scale * pixels + offset = (pixels / 255 - mean) / std.
    scale = np.broadcast_to(np.asarray(layers[0].scale, "float64"), channels)
    offset = np.broadcast_to(np.asarray(layers[0].offset, "float64"), channels)
    std = 1 / (255 * scale)
    # Four digits are published; what is past six is rounding; adding 0 turns -0 into 0.
    mean = np.round(-offset * std, 6) + 0.0
    return tuple(mean.tolist()), tuple(np.round(std, 6).tolist())


def _variant(name: str, family: str | None) -> Variant | None:
    """Return the published variant of that name, unless the model is of another family."""
    if name not in list_models():
        return None
    variant = model_info(name)
    return variant if variant.family == family else None


def _evaluation(
    variant: Variant | None, mean: tuple[float, ...] | None, std: tuple[float, ...] | None
) -> tuple[float | None, Interpolation | None]:
    """Return crop and interpolation, where all weights of that mean and std were published so."""
    if variant is None:
        return None, None
    published: list[Preprocessing] = [variant.preprocessing]
    published += [source.preprocessing for source in variant.weights]
    found = {(p.crop, p.interpolation) for p in published if (p.mean, p.std) == (mean, std)}
    return found.pop() if len(found) == 1 else (None, None)


def _paper(family: str | None) -> str | None:
    papers = {model_info(name).paper for name in list_models() if model_info(name).family == family}
    return papers.pop() if len(papers) == 1 else None
