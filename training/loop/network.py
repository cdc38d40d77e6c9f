"""The network of a recipe, ready to be trained."""

from typing import TYPE_CHECKING

from keras_mixers.catalogue import list_models, resolve_variant
from training.errors import RecipeError
from training.recipe import Recipe
from training.typed_fields import offer

if TYPE_CHECKING:
    import keras

    from keras_mixers.catalogue.preprocessing import Preprocessing


def evaluation_preprocessing(recipe: Recipe) -> "Preprocessing":
    """Return how images become the network's input.

    The recipe's own way, or that of the released weights it starts from, or the variant's.

    Raises:
        RecipeError: if none of them is known.

    >>> from training.recipes import find_recipe
    >>> evaluation_preprocessing(find_recipe("convmixer_768_32_imagenet")).crop
    0.96
    """
    spec = recipe.model
    if spec.preprocessing is not None:
        return spec.preprocessing
    if spec.name in list_models():
        return resolve_variant(spec.name, recipe.weights).preprocessing
    raise RecipeError(
        f"ModelSpec.preprocessing must be given for {spec.name!r}, which is no published variant."
    )


def build_model(recipe: Recipe, classes: int) -> "keras.Model":
    """Build a recipe's network: images (B, H, W, C) in [0, 255] to logits (B, classes).

    Its weights are drawn with the recipe's seed, unless it names some.

    Args:
        recipe: what to build.
        classes: of the data.

    Raises:
        ValueError: if the network can't be built, or has no layer that the recipe freezes.

    >>> from training.recipes import find_recipe
    >>> build_model(find_recipe("convmixer_digits"), classes=10).output.shape
    (None, 10)
    """
    import keras

    from keras_mixers.models import common
    from keras_mixers.models.registry import FAMILIES

    spec = recipe.model
    family, arguments = _arguments(recipe)
    keras.utils.set_random_seed(recipe.seed)
    images = keras.Input(spec.input_shape, name="images")
    model = FAMILIES[family](
        **arguments,
        # Its own layer, which would normalise as the family does by default.
        include_preprocessing=False,
        input_tensor=common.preprocess(images, evaluation_preprocessing(recipe), None),
        weights=recipe.weights,
        classes=classes,
        classifier_activation=None,
        name=spec.name if spec.name in list_models() else recipe.name,
    )
    for name in spec.frozen:
        layers = {layer.name: layer for layer in model.layers}
        if name not in layers:
            known = offer(name, layers, f"it has {', '.join(layers)}.")
            raise RecipeError(f"{recipe.name} freezes a layer {name!r} that is not there; {known}")
        layers[name].trainable = False
    if recipe.head_bias is not None:
        bias = model.get_layer("head").bias
        bias.assign(keras.ops.full_like(bias, recipe.head_bias))
    return model


def _arguments(recipe: Recipe) -> tuple[str, dict]:
    """Return the family, and the arguments of its function."""
    spec = recipe.model
    family, arguments = spec.name, {}
    if spec.name in list_models():
        variant = resolve_variant(spec.name, recipe.weights)
        family, arguments = variant.family, dict(variant.arguments)
    arguments.update(spec.arguments)
    if spec.drop_path_rate:
        if family == "ConvMixer":
            raise RecipeError(
                "ModelSpec.drop_path_rate must be 0 for ConvMixer; received "
                f"{spec.drop_path_rate!r}."
            )
        arguments["drop_path_rate"] = spec.drop_path_rate
    return family, arguments
