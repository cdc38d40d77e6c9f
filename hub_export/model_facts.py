"""What is known about a model, as data for its model card and its SavedModel's metadata."""

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import keras
import numpy as np
import tensorflow as tf

import keras_mixers
from keras_mixers import Preprocessing, list_models, model_info
from keras_mixers.catalogue.preprocessing import Interpolation
from keras_mixers.layers import DistilledHead
from keras_mixers.models.heads import features_of, is_classifier
from keras_mixers.models.published import (
    family_blocks,
    model_family,
    published_preprocessing,
    published_variant,
    read_normalisation,
)


@dataclass(frozen=True)
class ModelFacts:
    """What is known about a model. An attribute is None if it isn't known.

    Attributes:
        name: Name of the model.
        family: Name of the model function, such as "ConvMixer", according to the model's blocks.
        depth: Number of blocks.
        parameters: Number of trainable parameters.
        fixed_parameters: Number of non-trainable parameters, such as running statistics.
        input_shape: Shape (H, W, C) of an image; None for H or W means any.
        classes: Number of classes; None for a model without head.
        feature_shape: Shape of an image's features: (C,), or (H, W, C) or (N, C) without pooling.
        mean: Mean that the model subtracts from pixels in [0, 1], per channel.
        std: Standard deviation that it then divides by, per channel.
        crop: Side of the central crop at evaluation, as a share of the shorter side of the resized
            image.
        interpolation: Filter of that resizing.
        labels: Whether the names of the classes come with the model.
        licence: SPDX identifier of the weights' licence.
        accuracy: Share of correct predictions, from 0 to 1.
        accuracy_source: The command that measured `accuracy`, or where it was published.
        dataset: Data set that the weights were trained on.
        paper: URL of the paper.
        versions: Versions of the packages that collected these facts, by package.
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
        """Return the facts, and the SavedModel's input type and range, as JSON values.

        >>> model = keras_mixers.ConvMixer(8, 1, input_shape=(None, None, 3), classes=5)
        >>> collect_facts(model).to_json()["input_shape"]
        [None, None, 3]
        """
        facts = {
            name: list(value) if isinstance(value, tuple) else value
            for name, value in asdict(self).items()
        }
        return {**facts, "input_dtype": "float32", "input_range": [0, 1]}


def collect_facts(
    model: keras.Model,
    labels: Sequence[str] | None = None,
    licence: str | None = None,
    accuracy: float | None = None,
    accuracy_source: str | None = None,
    dataset: str | None = None,
    preprocessing: Preprocessing | None = None,
) -> ModelFacts:
    """Return what is known about a model: from the model itself, and from the arguments.

    Args:
        model: A model built by a model function such as `ConvMixer`, or by `create_model`.
        labels: Names of the classes, if they are known.
        licence: SPDX identifier of the weights' licence.
        accuracy: Share of correct predictions, from 0 to 1.
        accuracy_source: The command that measured `accuracy`, or where it was published.
        dataset: Data set that the weights were trained on.
        preprocessing: How images are resized and cropped at evaluation. By default, as for the
            published variant with the model's name and normalisation, if there is one.

    Raises:
        ValueError: If `accuracy` isn't between 0 and 1, or comes without its source.

    >>> model = keras_mixers.MLPMixer(8, 2, input_shape=(32, 32, 3), classes=5)
    >>> facts = collect_facts(model, licence="MIT")
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
    family, variant = model_family(model), published_variant(model)
    mean, std = read_normalisation(model)
    preprocessing = preprocessing or published_preprocessing(model)
    return ModelFacts(
        name=model.name,
        family=family,
        depth=len(family_blocks(model)),
        parameters=_count_parameters(model.trainable_weights),
        fixed_parameters=_count_parameters(model.non_trainable_weights),
        input_shape=tuple(model.inputs[0].shape[1:]),
        classes=model.get_layer("head").units if is_classifier(model) else None,
        feature_shape=tuple(features_of(model).output.shape[1:]),
        mean=mean,
        std=std,
        crop=None if preprocessing is None else preprocessing.crop,
        interpolation=None if preprocessing is None else preprocessing.interpolation,
        labels=labels is not None,
        licence=licence,
        accuracy=accuracy,
        accuracy_source=None if accuracy is None else accuracy_source,
        dataset=dataset,
        paper=variant.paper if variant else _find_paper(model, family),
        versions={
            "keras_mixers": keras_mixers.__version__,
            "keras": keras.__version__,
            "tensorflow": tf.__version__,
        },
    )


def complete_facts(
    facts: ModelFacts | None, model: keras.Model, labels: Sequence[str] | None
) -> ModelFacts:
    """Return the facts of an export: those that are given, or what the model itself tells.

    Args:
        facts: What is known about the model.
        model: The model.
        labels: The class names that the export gets.
    """
    if facts is None:
        return collect_facts(model, labels)
    return replace(facts, labels=labels is not None)


def _count_parameters(weights: Iterable[keras.Variable]) -> int:
    return sum(int(np.prod(weight.shape)) for weight in weights)


def _find_paper(model: keras.Model, family: str | None) -> str | None:
    """Return the paper that introduced a family, or its distillation if a model has that."""
    variants = [info for info in map(model_info, list_models()) if info.family == family]
    if any(isinstance(layer, DistilledHead) for layer in model.layers):
        variants = [info for info in variants if info.arguments["distilled"]]
    # The addresses at arxiv.org are in the order of time.
    return min((info.paper for info in variants), default=None)
