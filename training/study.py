"""A study, as data: one recipe, and what its arms change of it. Needs neither Keras nor TensorFlow.

A study answers a question by training several networks, or one network in several ways, with all
else the same.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from keras_mixers.printable import has_controls
from keras_mixers.value_checks import excerpt
from training.errors import RecipeError
from training.recipe import Recipe
from training.typed_fields import check_fields, from_dict, to_dict

_NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,59}")
MOST_ARMS, MOST_SEEDS = 100, 1000


@dataclass(frozen=True)
class Arm:
    """One of the things that a study compares.

    Attributes:
        label: what tables and figures call it.
        changes: what it changes of the study's recipe: values as in a recipe's JSON, by the field's
            path, such as "model.arguments.depth" or "augmentation.mixup".
    """

    label: str
    changes: Mapping[str, object] = field(default_factory=dict, hash=False)

    def __post_init__(self) -> None:
        check_fields(self)
        if has_controls(self.label) or not self.slug or len(self.label) > 60:
            raise RecipeError(
                "Arm.label must have a letter or digit, at most 60 characters, and no control "
                f"characters; received {excerpt(self.label)}."
            )

    @property
    def slug(self) -> str:
        """The label as the name of a file.

        >>> Arm("ViT, patch 4").slug
        'vit-patch-4'
        """
        return re.sub("[^a-z0-9]+", "-", self.label.lower()).strip("-")


@dataclass(frozen=True)
class Series:
    """Arms that differ in one number, which a figure draws as a line.

    Attributes:
        label: name of the line.
        field: path of the recipe's field that differs, such as "model.arguments.patch_size".
        arms: labels of the arms.
    """

    label: str
    field: str
    arms: tuple[str, ...]

    def __post_init__(self) -> None:
        check_fields(self)


@dataclass(frozen=True)
class Study:
    """A question, and the arms whose accuracies answer it.

    Attributes:
        name: what `keras-mixers compare` calls it: small letters, digits, "_" and "-".
        question: what it asks, in a sentence.
        recipe: the recipe that arms change; its seed is the first one.
        arms: what is compared; the first one is the base, with which the others are compared.
        seeds: number of runs of each arm; they differ in the recipe's seed.
        series: arms that a figure draws as a line.
        limits: what the study can't say, in sentences.

    Raises:
        RecipeError: if a value has another type or is out of range, arms have the same name, or
            an arm's changes don't make a recipe.

    Example:

    >>> from training.recipes import find_recipe
    >>> arms = (Arm("GELU"), Arm("ReLU", {"model.arguments.activation": "relu"}))
    >>> study = Study("activation", "GELU or ReLU?", find_recipe("convmixer_digits"), arms)
    >>> arm_recipe(study, arms[1]).model.arguments["activation"]
    'relu'
    """

    name: str
    question: str
    recipe: Recipe
    arms: tuple[Arm, ...]
    seeds: int = 3
    series: tuple[Series, ...] = ()
    limits: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        check_fields(self)
        if not _NAME.fullmatch(self.name):
            raise RecipeError(
                "Study.name must be up to 60 small letters, digits, '_' and '-'; received "
                f"{excerpt(self.name)}."
            )
        for text in (self.question, *self.limits):
            if has_controls(text):
                raise RecipeError(f"Study has control characters in {excerpt(text)}; remove them.")
        _check_count("Study.arms", len(self.arms), 2, MOST_ARMS)
        _check_count("Study.seeds", self.seeds, 1, MOST_SEEDS)
        slugs = [arm.slug for arm in self.arms]
        for arm in self.arms:
            if slugs.count(arm.slug) > 1:
                raise RecipeError(f"Study.arms has two arms {excerpt(arm.label)}; rename one.")
            arm_recipe(self, arm)
        for series in self.series:
            _check_series(self, series)

    def to_json(self) -> str:
        """Return the study as JSON text."""
        return json.dumps(to_dict(self), indent=2) + "\n"

    @classmethod
    def from_dict(cls, content: object) -> "Study":
        """Build a study from parsed JSON; raise RecipeError if it is invalid."""
        return from_dict(cls, content)


def arm_recipe(study: Study, arm: Arm, seed: int = 0) -> Recipe:
    """Return the recipe of one run.

    Args:
        study: the study.
        arm: one of its arms.
        seed: number of the run, from 0; it is added to the seed of the study's recipe.

    Raises:
        RecipeError: if the arm's changes don't make a recipe.
    """
    content = study.recipe.to_dict()
    try:
        for path, value in arm.changes.items():
            _set(content, path, value)
        recipe = Recipe.from_dict(content)
        return replace(recipe, name=f"{study.name}-{arm.slug}", seed=recipe.seed + seed)
    except RecipeError as error:
        raise RecipeError(f"The arm {excerpt(arm.label)} has no recipe: {error}") from None


def same_but_for_seeds(one: Study, other: Study) -> bool:
    """Tell whether two studies have the same runs, but for the number of seeds."""
    return (one.name, one.recipe, one.arms) == (other.name, other.recipe, other.arms)


def field_value(recipe: Recipe, path: str) -> object:
    """Return the value of a recipe's field as in its JSON; None if there is no such field.

    >>> from training.recipes import find_recipe
    >>> field_value(find_recipe("convmixer_digits"), "model.arguments.kernel_size")
    5
    """
    value: Any = recipe.to_dict()
    for name in path.split("."):
        value = value.get(name) if isinstance(value, Mapping) else None
    return value


def _set(content: dict[str, Any], path: str, value: object) -> None:
    *parents, name = path.split(".")
    for parent in parents:
        content = content.get(parent)  # type: ignore[assignment]
        if not isinstance(content, dict):
            raise RecipeError(f"there is no field {excerpt(path)} to change.")
    content[name] = value


def _check_count(name: str, count: int, least: int, most: int) -> None:
    if not least <= count <= most:
        raise RecipeError(f"{name} must be {least} to {most}; received {count}.")


def _check_series(study: Study, series: Series) -> None:
    arms = {arm.label: arm for arm in study.arms}
    for label in series.arms:
        if label not in arms:
            raise RecipeError(f"Series.arms names {excerpt(label)}, which is no arm of the study.")
        value = field_value(arm_recipe(study, arms[label]), series.field)
        if not isinstance(value, int | float) or isinstance(value, bool):
            raise RecipeError(
                f"Series.field must be one that is a number in each arm; {excerpt(series.field)} "
                f"of {excerpt(label)} is {excerpt(value)}."
            )
