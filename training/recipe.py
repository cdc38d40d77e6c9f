"""What a training run is, as data. Needs neither Keras nor TensorFlow."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from keras_mixers.catalogue import list_models
from keras_mixers.catalogue.preprocessing import Preprocessing
from keras_mixers.catalogue.variant import Argument
from training.augment.settings import Augmentation
from training.errors import RecipeError
from training.typed_fields import check_fields, from_dict, offer, to_dict

FAMILIES = ("ConvMixer", "MLPMixer", "T2TViT")


@dataclass(frozen=True)
class ModelSpec:
    """Which network is trained.

    Attributes:
        name: one of `keras_mixers.list_models()`, or a family: "ConvMixer", "MLPMixer", "T2TViT".
        arguments: of the family's function; they go before those of the variant.
        input_shape: (height, width, channels) of the images.
        drop_path_rate: of the last block; ConvMixer has none.
        preprocessing: normalisation, and resize and crop at evaluation; None: the variant's.
        frozen: layers that are not trained.
    """

    name: str
    arguments: Mapping[str, Argument] = field(default_factory=dict, hash=False)
    input_shape: tuple[int, int, int] = (224, 224, 3)
    drop_path_rate: float = 0.0
    preprocessing: Preprocessing | None = None
    frozen: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        check_fields(self)
        names = (*list_models(), *FAMILIES)
        if self.name not in names:
            known = offer(self.name, names, "see keras_mixers.list_models().")
            raise RecipeError(f"There is no model {self.name!r}; {known}")
        for side in self.input_shape:
            _at_least("ModelSpec.input_shape's sizes", side, 1)
        _share("ModelSpec.drop_path_rate", self.drop_path_rate)


@dataclass(frozen=True)
class Optimizer:
    """How gradients become updates.

    Attributes:
        kind: "adamw", or "sgd" with momentum.
        weight_decay: times the learning rate; AdamW's is decoupled, SGD's a part of the gradient.
        decayed: variables that decay: "all"; "matrices", as timm: of two axes or more, but no class
            token; or "kernels", as Google's code.
        clip_norm: largest norm of all gradients together; None: not clipped.
        epsilon: of AdamW, added to the root of the corrected second moment, as PyTorch does.
        momentum: of SGD.
        backbone_scale: peak rate of all but the layer `head`, as a share of the schedule's; SGD
            only.
    """

    kind: Literal["adamw", "sgd"]
    weight_decay: float = 0.0
    decayed: Literal["all", "matrices", "kernels"] = "matrices"
    clip_norm: float | None = None
    epsilon: float = 1e-8
    momentum: float = 0.9
    backbone_scale: float = 1.0

    def __post_init__(self) -> None:
        check_fields(self)
        _at_least("Optimizer.weight_decay", self.weight_decay, 0)
        _share("Optimizer.momentum", self.momentum)
        for name in ("clip_norm", "epsilon", "backbone_scale"):
            _positive(f"Optimizer.{name}", getattr(self, name))
        if self.kind == "adamw" and self.backbone_scale != 1:
            raise RecipeError("Optimizer.backbone_scale needs kind='sgd'; received 'adamw'.")


@dataclass(frozen=True)
class OneCycle:
    """Each step: up to `peak` in 2/5 of the epochs, down to peak/20 at 4/5, then to 0."""

    peak: float

    def __post_init__(self) -> None:
        check_fields(self)
        _positive("OneCycle.peak", self.peak)


@dataclass(frozen=True)
class WarmupCosine:
    """Each step: up from 0 for a share of the run, then along half a cosine to 0."""

    peak: float
    warmup_share: float = 0.0

    def __post_init__(self) -> None:
        check_fields(self)
        _positive("WarmupCosine.peak", self.peak)
        _share("WarmupCosine.warmup_share", self.warmup_share)


@dataclass(frozen=True)
class WarmupLinear:
    """Each step: up from 0 for some steps, then straight to `end`."""

    peak: float
    warmup_steps: int = 0
    end: float = 0.0

    def __post_init__(self) -> None:
        check_fields(self)
        _positive("WarmupLinear.peak", self.peak)
        _at_least("WarmupLinear.warmup_steps", self.warmup_steps, 0)
        _at_least("WarmupLinear.end", self.end, 0)


@dataclass(frozen=True)
class EpochCosine:
    """Each epoch: half a cosine from `peak` to `minimum`, as timm.

    It starts at epoch 0; the warm-up, which rises from `warmup_start`, replaces its beginning. The
    last `cooldown_epochs` of the run stay at `minimum`.
    """

    peak: float
    minimum: float = 0.0
    warmup_epochs: int = 0
    warmup_start: float = 0.0
    cooldown_epochs: int = 0

    def __post_init__(self) -> None:
        check_fields(self)
        _positive("EpochCosine.peak", self.peak)
        for name in ("minimum", "warmup_epochs", "warmup_start", "cooldown_epochs"):
            _at_least(f"EpochCosine.{name}", getattr(self, name), 0)


Schedule = OneCycle | WarmupCosine | WarmupLinear | EpochCosine


@dataclass(frozen=True)
class Published:
    """What others reached with these settings: top-1 in percent, None if unknown, and where."""

    top1: float | None
    source: str

    def __post_init__(self) -> None:
        check_fields(self)


@dataclass(frozen=True)
class Recipe:
    """A training run; `dataclasses.replace(recipe, epochs=10)` is another one.

    Attributes:
        name: what `keras-mixers train` calls it.
        model: which network.
        data: "digits", or an address such as "tfds:imagenet2012" or "folder:/my/images".
        epochs: passes over the training images, a cool-down included.
        batch_size: images for one update of the weights, on all devices together.
        optimizer: how gradients become updates.
        schedule: the learning rate of each step.
        augmentation: of training images.
        loss: "softmax" for one class an image, "sigmoid" for one decision a class.
        label_smoothing: of the softmax loss, from 0 to below 1.
        ema: momentum of the moving average of the weights, which is evaluated and saved; None: no
            average.
        head_bias: initial bias of the classifier; None: the network's own.
        precision: of the computation; weights are float32.
        accumulate: parts that a batch is computed in, to save memory.
        mix_slices: images of a batch are mixed and erased in so many slices, each with its own
            draws, as the authors' GPUs did; several workers must be able to share them out.
        remat: whether blocks are computed again in the backward pass, to save memory.
        seed: of weights, order and augmentation.
        weights: name or file of weights to start from; None: initial ones.
        published: what others reached.
    """

    name: str
    model: ModelSpec
    data: str
    epochs: int
    batch_size: int
    optimizer: Optimizer
    schedule: Schedule
    augmentation: Augmentation
    loss: Literal["softmax", "sigmoid"] = "softmax"
    label_smoothing: float = 0.0
    ema: float | None = None
    head_bias: float | None = None
    precision: Literal["float32", "bfloat16", "float16"] = "float32"
    accumulate: int = 1
    mix_slices: int = 1
    remat: bool = False
    seed: int = 0
    weights: str | None = None
    published: Published | None = None

    def __post_init__(self) -> None:
        check_fields(self)
        for name in ("epochs", "batch_size", "accumulate", "mix_slices"):
            _at_least(f"Recipe.{name}", getattr(self, name), 1)
        _at_least("Recipe.seed", self.seed, 0)
        for name in ("label_smoothing", "ema"):
            _share(f"Recipe.{name}", getattr(self, name))
        if self.loss == "sigmoid" and self.label_smoothing:
            raise RecipeError("Recipe.label_smoothing needs loss='softmax'; received 'sigmoid'.")
        for name in ("accumulate", "mix_slices"):
            if self.batch_size % getattr(self, name):
                raise RecipeError(
                    f"Recipe.{name} must divide batch_size {self.batch_size}; received "
                    f"{getattr(self, name)}."
                )

    def to_dict(self) -> dict[str, Any]:
        """Return what JSON can hold of the recipe; `from_dict` turns it back."""
        return to_dict(self)

    def to_json(self) -> str:
        """Return the recipe as JSON text."""
        return json.dumps(self.to_dict(), indent=2) + "\n"

    @classmethod
    def from_dict(cls, content: object) -> "Recipe":
        """Build a recipe from `to_dict`'s result, or raise RecipeError where it is none."""
        return from_dict(cls, content)

    @classmethod
    def from_json(cls, text: str) -> "Recipe":
        """Build a recipe from `to_json`'s text, or raise RecipeError where it is none."""
        try:
            return cls.from_dict(json.loads(text))
        except json.JSONDecodeError as error:
            raise RecipeError(f"The recipe is no JSON: {error}.") from None


def _at_least(name: str, value: float, least: float) -> None:
    if value < least:
        raise RecipeError(f"{name} must be at least {least}; received {value!r}.")


def _positive(name: str, value: float | None) -> None:
    if value is not None and value <= 0:
        raise RecipeError(f"{name} must be above 0; received {value!r}.")


def _share(name: str, value: float | None) -> None:
    if value is not None and not 0 <= value < 1:
        raise RecipeError(f"{name} must be from 0 to below 1; received {value!r}.")
