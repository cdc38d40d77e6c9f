"""The published recipes, by name. Needs neither Keras nor TensorFlow."""

from training.errors import RecipeError
from training.recipe import Recipe
from training.recipes import (
    convmixer_256_8_cifar10,
    convmixer_768_32_imagenet,
    convmixer_1024_20_imagenet,
    convmixer_1536_20_imagenet,
    convmixer_digits,
    mixer_b16_finetune,
    mixer_b16_imagenet,
    mixer_digits,
    mixer_l16_finetune,
    mixer_l16_imagenet,
    t2t_vit_14_cifar10,
    t2t_vit_14_cifar100,
    t2t_vit_digits,
    t2t_vit_imagenet,
)
from training.typed_fields import suggest

RECIPES = {
    recipe.name: recipe
    for recipe in (
        convmixer_digits.RECIPE,
        mixer_digits.RECIPE,
        t2t_vit_digits.RECIPE,
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
