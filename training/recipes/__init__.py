"""The published recipes, by name, and those in files. Needs neither Keras nor TensorFlow."""

from pathlib import Path

from training.errors import RecipeError
from training.recipe import Recipe
from training.recipes import (
    convmixer_256_8_cifar10,
    convmixer_768_32_imagenet,
    convmixer_1024_20_imagenet,
    convmixer_1536_20_imagenet,
    convmixer_digits,
    deit_imagenet,
    gmlp_digits,
    gmlp_s16_imagenet,
    mixer_b16_finetune,
    mixer_b16_imagenet,
    mixer_digits,
    mixer_l16_finetune,
    mixer_l16_imagenet,
    resmlp_digits,
    resmlp_imagenet,
    t2t_vit_14_cifar10,
    t2t_vit_14_cifar100,
    t2t_vit_digits,
    t2t_vit_imagenet,
    vit_digits,
)
from training.typed_fields import suggest
from training.typed_files import read_file

_DIGITS = (
    convmixer_digits.RECIPE,
    mixer_digits.RECIPE,
    t2t_vit_digits.RECIPE,
    vit_digits.RECIPE,
    resmlp_digits.RECIPE,
    gmlp_digits.RECIPE,
)
# Names of the quick recipes, one of each family.
DIGITS_RECIPES = tuple(recipe.name for recipe in _DIGITS)

RECIPES = {
    recipe.name: recipe
    for recipe in (
        *_DIGITS,
        convmixer_256_8_cifar10.RECIPE,
        convmixer_256_8_cifar10.LONGER,
        convmixer_1536_20_imagenet.RECIPE,
        convmixer_768_32_imagenet.RECIPE,
        convmixer_1024_20_imagenet.RECIPE,
        mixer_b16_imagenet.RECIPE,
        mixer_l16_imagenet.RECIPE,
        mixer_b16_finetune.RECIPE,
        mixer_l16_finetune.RECIPE,
        *t2t_vit_imagenet.RECIPES,
        *deit_imagenet.RECIPES,
        *resmlp_imagenet.RECIPES,
        gmlp_s16_imagenet.RECIPE,
        t2t_vit_14_cifar10.RECIPE,
        t2t_vit_14_cifar100.RECIPE,
    )
}


def find_recipe(name: str) -> Recipe:
    """Return the recipe with this name.

    Raises:
        RecipeError: if there is no such recipe; the message suggests similar names.

    >>> find_recipe("t2t_vit_14_imagenet").ema
    0.99996
    """
    if name not in RECIPES:
        known = suggest(name, RECIPES, f"there are {', '.join(RECIPES)}.")
        raise RecipeError(f"There is no recipe {name!r}; {known}")
    return RECIPES[name]


def read_recipe(path: str | Path) -> Recipe:
    """Return the recipe in a file, such as a run's `recipe.json`.

    Raises:
        RecipeError: if there is no such file, or it holds no recipe; the message names it.
    """
    return read_file(path, "recipe", Recipe.from_dict)
