"""Everything that defines a training run, as data. Needs neither Keras nor TensorFlow."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from keras_mixers.catalogue import list_models, model_info
from keras_mixers.catalogue.preprocessing import Preprocessing
from keras_mixers.catalogue.variant import Argument
from keras_mixers.json_files import parse_json
from training.augment.settings import Augmentation
from training.errors import RecipeError
from training.keras_applications import MODES, find_application
from training.schedule_settings import Schedule
from training.typed_fields import (
    check_at_least,
    check_fields,
    check_fraction,
    check_positive,
    from_dict,
    suggest,
    to_dict,
)

FAMILIES = tuple(dict.fromkeys(model_info(name).family for name in list_models()))
RESNET = "ResNet"  # Not of this project: a pyramid to compare with, as small as images may be.


@dataclass(frozen=True)
class ModelSpec:
    """The network to train.

    Attributes:
        name: one of `keras_mixers.list_models()`; a family's function, such as "ConvMixer";
            "ResNet", that of He et al. for CIFAR-10; or a network of Keras, such as
            "keras.applications.ResNet50".
        arguments: arguments for the family's or Keras's function; they override the variant's.
        input_shape: (height, width, channels) of the images.
        drop_path_rate: drop path rate of the last block; ConvMixer, ResNet and keras.applications
            have no such argument.
        preprocessing: normalisation, and resize and crop at evaluation; None: the variant's, or
            that of Keras's `preprocess_input`.
        frozen: names of layers that are not trained.
        shuffled_patches: side of patches whose order, and that of the pixels within each, is
            shuffled before the network, the same for all images; 0: none. Not for
            ResNet and keras.applications.
    """

    name: str
    arguments: Mapping[str, Argument] = field(default_factory=dict, hash=False)
    input_shape: tuple[int, int, int] = (224, 224, 3)
    drop_path_rate: float = 0.0
    preprocessing: Preprocessing | None = None
    frozen: tuple[str, ...] = ()
    shuffled_patches: int = 0

    def __post_init__(self) -> None:
        check_fields(self)
        names = (*list_models(), *FAMILIES, RESNET, *MODES)
        if self.name not in names:
            known = suggest(self.name, names, "see keras_mixers.list_models().")
            application = find_application(self.name)
            if application is not None:
                known = f"did you mean {application}?"
            raise RecipeError(f"There is no model {self.name!r}; {known}")
        for side in self.input_shape:
            check_at_least("ModelSpec.input_shape's sizes", side, 1)
        check_fraction("ModelSpec.drop_path_rate", self.drop_path_rate)
        check_at_least("ModelSpec.shuffled_patches", self.shuffled_patches, 0)
        if self.shuffled_patches and self.name in (RESNET, *MODES):
            raise RecipeError(
                f"ModelSpec.shuffled_patches must be 0 for {self.name}; received "
                f"{self.shuffled_patches}."
            )


@dataclass(frozen=True)
class Optimizer:
    """How gradients update the weights.

    Attributes:
        kind: "adamw"; "lamb", for large batches; or "sgd" with momentum.
        weight_decay: weight decay, multiplied by the learning rate. AdamW's is decoupled; LAMB's is
            added to the step, and SGD's to the gradient.
        decayed: variables that decay: "all"; "matrices", as in timm: those of two or more axes,
            except class tokens and position tables; or "kernels", as in Google's code.
        clip_norm: maximum global norm of the gradients; None: no clipping.
        epsilon: epsilon of AdamW and LAMB, added to the square root of the bias-corrected second
            moment, as in PyTorch.
        momentum: momentum of SGD.
        backbone_scale: peak learning rate of all layers but `head`, as a fraction of the
            schedule's; SGD only.
    """

    kind: Literal["adamw", "lamb", "sgd"]
    weight_decay: float = 0.0
    decayed: Literal["all", "matrices", "kernels"] = "matrices"
    clip_norm: float | None = None
    epsilon: float = 1e-8
    momentum: float = 0.9
    backbone_scale: float = 1.0

    def __post_init__(self) -> None:
        check_fields(self)
        check_at_least("Optimizer.weight_decay", self.weight_decay, 0)
        check_fraction("Optimizer.momentum", self.momentum)
        for name in ("clip_norm", "epsilon", "backbone_scale"):
            check_positive(f"Optimizer.{name}", getattr(self, name))
        if self.kind != "sgd" and self.backbone_scale != 1:
            raise RecipeError(f"Optimizer.backbone_scale needs kind='sgd'; received {self.kind!r}.")


@dataclass(frozen=True)
class Published:
    """The published result of a recipe's settings.

    Attributes:
        top1: accuracy in percent; None: unknown.
        source: where it was published.
    """

    top1: float | None
    source: str

    def __post_init__(self) -> None:
        check_fields(self)


@dataclass(frozen=True)
class Recipe:
    """A training run; `dataclasses.replace(recipe, epochs=10)` makes a variation of it.

    Attributes:
        name: what `keras-mixers train` calls it.
        model: the network.
        data: "digits", "mnist5k", or an address such as "tfds:imagenet2012" or "folder:/my/images".
        epochs: passes over the training images, any cool-down included.
        batch_size: images per update of the weights, over all devices together.
        optimizer: how gradients update the weights.
        schedule: the learning rate of each step.
        augmentation: augmentation of the training images.
        loss: "softmax" for one class per image, "sigmoid" for one decision per class.
        label_smoothing: smoothing of the labels for the softmax loss, from 0 to below 1.
        ema: momentum of the moving average of the weights, which is evaluated and saved; None: no
            average.
        head_bias: initial bias of the classifier; None: the network's own.
        precision: precision of the computation; weights are always float32.
        accumulate: parts that each batch is computed in, one after the other, to save memory.
        mix_slices: slices of a batch that are mixed and erased independently of each other, as the
            authors' GPUs did; a multiple of the number of workers.
        repeats: number of times that each image occurs in its batch, augmented differently each
            time; an epoch then sees 1 / repeats of the images.
        remat: whether the backward pass computes the blocks again, to save memory.
        seed: seed for the initial weights, the order of the images and their augmentation.
        weights: name or file of weights to start from; None: random ones.
        published: the published result of these settings.
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
    repeats: int = 1
    remat: bool = False
    seed: int = 0
    weights: str | None = None
    published: Published | None = None

    def __post_init__(self) -> None:
        check_fields(self)
        for name in ("epochs", "batch_size", "accumulate", "mix_slices", "repeats"):
            check_at_least(f"Recipe.{name}", getattr(self, name), 1)
        check_at_least("Recipe.seed", self.seed, 0)
        for name in ("label_smoothing", "ema"):
            check_fraction(f"Recipe.{name}", getattr(self, name))
        if self.loss == "sigmoid" and self.label_smoothing:
            raise RecipeError("Recipe.label_smoothing needs loss='softmax'; received 'sigmoid'.")
        for name in ("accumulate", "mix_slices"):
            if self.batch_size % getattr(self, name):
                raise RecipeError(
                    f"Recipe.{name} must divide batch_size {self.batch_size}; received "
                    f"{getattr(self, name)}."
                )
        mixes = self.augmentation.mixup or self.augmentation.cutmix
        if mixes and self.batch_size < 2 * self.mix_slices:
            raise RecipeError(
                "MixUp and CutMix need at least 2 images in each of Recipe.mix_slices; received "
                f"batch_size {self.batch_size} and mix_slices {self.mix_slices}."
            )

    def to_dict(self) -> dict[str, Any]:
        """Return the recipe as JSON-serialisable values, for `from_dict` to read."""
        return to_dict(self)

    def to_json(self) -> str:
        """Return the recipe as JSON text."""
        return json.dumps(self.to_dict(), indent=2) + "\n"

    @classmethod
    def from_dict(cls, content: object) -> "Recipe":
        """Build a recipe from the output of `to_dict`; raise RecipeError if it is invalid."""
        return from_dict(cls, content)

    @classmethod
    def from_json(cls, text: str) -> "Recipe":
        """Build a recipe from the output of `to_json`; raise RecipeError if it is invalid."""
        try:
            content = parse_json(text)
        except ValueError as error:
            raise RecipeError(f"The recipe isn't valid JSON: {error}.") from None
        return cls.from_dict(content)
