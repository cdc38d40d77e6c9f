"""The network of a recipe, ready for training."""

from typing import TYPE_CHECKING

from keras_mixers.catalogue import list_models, resolve_variant
from training.errors import RecipeError
from training.keras_applications import MODES, application_preprocessing
from training.loop.shuffled_patches import shuffle_patches
from training.recipe import RESNET, ModelSpec
from training.typed_fields import suggest

if TYPE_CHECKING:
    import keras

    from keras_mixers.catalogue.preprocessing import Preprocessing


def evaluation_preprocessing(spec: ModelSpec, weights: str | None = None) -> "Preprocessing":
    """Return how images are preprocessed for evaluation.

    It is the recipe's own preprocessing, or else that of the released weights, or else that of the
    variant, or of the network of keras.applications.

    Args:
        spec: the recipe's network.
        weights: name or file of weights to start from.

    Raises:
        RecipeError: if none of them is known.

    >>> from training.recipes import find_recipe
    >>> evaluation_preprocessing(find_recipe("convmixer_768_32_imagenet").model).crop
    0.96
    """
    if spec.preprocessing is not None:
        return spec.preprocessing
    if spec.name in list_models():
        return resolve_variant(spec.name, weights).preprocessing
    if spec.name in MODES:
        return application_preprocessing(spec.name)
    raise RecipeError(
        f"ModelSpec.preprocessing is required for {spec.name!r}, which isn't a published variant."
    )


def build_model(
    spec: ModelSpec, classes: int, weights: str | None = None, name: str | None = None
) -> "keras.Model":
    """Build a network from images (B, H, W, C) in [0, 255] to logits (B, classes).

    Args:
        spec: the recipe's network.
        classes: number of classes of the data.
        weights: name or file of weights to start from; None: initial ones.
        name: name of the model; a published variant keeps its own.

    Raises:
        RecipeError: if the network has no such layer to freeze, or no drop path.
        ValueError: if the network can't be built.

    >>> from training.recipes import find_recipe
    >>> build_model(find_recipe("convmixer_digits").model, classes=10).output.shape
    (None, 10)
    """
    if spec.name in MODES:
        from training.loop.application import build_application

        preprocessing = evaluation_preprocessing(spec)
        model = build_application(spec, preprocessing, classes, weights, name)
    elif spec.name == RESNET:
        from training.loop.resnet import build_resnet

        if weights is not None:
            raise RecipeError(f"Recipe.weights must be none for ResNet; received {weights!r}.")
        model = build_resnet(spec, evaluation_preprocessing(spec), classes, name)
    else:
        model = _build_family(spec, classes, weights, name)
    layers = {layer.name: layer for layer in model.layers}
    for frozen in spec.frozen:
        if frozen not in layers:
            known = suggest(frozen, layers, f"it has {', '.join(layers)}.")
            raise RecipeError(
                f"ModelSpec.frozen names a layer {frozen!r} that {model.name} doesn't have; {known}"
            )
        layers[frozen].trainable = False
    return model


def _build_family(
    spec: ModelSpec, classes: int, weights: str | None, name: str | None
) -> "keras.Model":
    import keras

    from keras_mixers.models import common
    from keras_mixers.models.registry import FAMILIES

    family, arguments = _family_and_arguments(spec, weights)
    images = keras.Input(spec.input_shape, name="images")
    x = common.preprocess(images, evaluation_preprocessing(spec, weights), None)
    if spec.shuffled_patches:
        x = shuffle_patches(x, spec.shuffled_patches)
    return FAMILIES[family](
        **arguments,
        # Normalised by the recipe's preprocessing, not by the family's default.
        include_preprocessing=False,
        input_tensor=x,
        weights=weights,
        classes=classes,
        classifier_activation=None,
        name=spec.name if name is None or spec.name in list_models() else name,
    )


def set_head_bias(model: "keras.Model", value: float) -> None:
    """Set all biases of a model's classifier to a value."""
    import keras

    bias = model.get_layer("head").bias
    bias.assign(keras.ops.full_like(bias, value))


def _family_and_arguments(spec: ModelSpec, weights: str | None) -> tuple[str, dict]:
    """Return the name of the family, and the arguments of its function."""
    family, arguments = spec.name, {}
    if spec.name in list_models():
        variant = resolve_variant(spec.name, weights)
        family, arguments = variant.family, dict(variant.arguments)
    arguments.update(spec.arguments)
    if spec.drop_path_rate:
        if family == "ConvMixer":
            raise RecipeError(
                "ModelSpec.drop_path_rate must be 0 for ConvMixer, which has no drop path; "
                f"received {spec.drop_path_rate!r}."
            )
        arguments["drop_path_rate"] = spec.drop_path_rate
    return family, arguments
