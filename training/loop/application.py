"""Networks of keras.applications, in the form in which this project trains and exports networks."""

import inspect
import os
import warnings
from collections.abc import Callable
from functools import partial
from pathlib import Path

import keras

from keras_mixers.catalogue.preprocessing import Preprocessing
from keras_mixers.models import common
from training.errors import RecipeError, in_one_line
from training.keras_applications import MODES, PREFIX
from training.recipe import ModelSpec
from training.typed_fields import suggest

_OFFICIAL_CLASSES = 1000  # Those of the files that Keras publishes.
_OWN_ARGUMENTS = {
    *("include_top", "weights", "input_tensor", "input_shape", "pooling", "classes"),
    *("classifier_activation", "include_preprocessing", "name"),
}


def build_application(
    spec: ModelSpec,
    preprocessing: Preprocessing,
    classes: int,
    weights: str | None = None,
    name: str | None = None,
) -> keras.Model:
    """Build a network of keras.applications from images (B, H, W, C) in [0, 255] to logits.

    All layers are Keras's, but the classifier: it is a `Dense` with the name `head`, in float32, as
    in this project's own networks. Where Keras has a 1 x 1 convolution instead, the result is the
    same.

    Args:
        spec: the recipe's network; its name is a key of `MODES`.
        preprocessing: normalisation of the images.
        classes: number of classes of the data.
        weights: file of weights as Keras saves them, with the classifier; None: initial ones. A
            classifier for 1000 classes is left out if there are other classes.
        name: name of the model; None: Keras's own.

    Raises:
        RecipeError: if the network has no such argument, doesn't take such images, or the weights
            don't fit.

    >>> from training.keras_applications import application_preprocessing
    >>> spec = ModelSpec("keras.applications.MobileNet", {"alpha": 0.25}, (32, 32, 3))
    >>> build_application(spec, application_preprocessing(spec.name), classes=10).output.shape
    (None, 10)
    """
    function = getattr(keras.applications, spec.name.removeprefix(PREFIX))
    _check_spec(spec, function)
    build = partial(function, weights=None, classifier_activation=None, **spec.arguments)
    images = keras.Input(spec.input_shape, name="images")
    x = common.preprocess(images, preprocessing, None)
    if MODES[spec.name] == "caffe":
        x = x[..., ::-1]  # Red, green and blue to blue, green and red.
    loaded = None if weights is None else _load_weights(spec, build, classes, weights)
    old_classes = classes if loaded is None else loaded.output.shape[-1]
    try:
        network = build(input_tensor=x, classes=old_classes)
    except ValueError as error:
        raise RecipeError(f"{spec.name} can't be built: {in_one_line(error)}") from None
    if loaded is not None:
        network.set_weights(loaded.get_weights())
    classifier = [layer for layer in network.layers if layer.weights][-1]
    features = classifier.input
    if len(features.shape) == 4:
        features = keras.layers.Flatten(name="flatten_features")(features)
    logits = common.classify(features, classes, None, "glorot_uniform")
    model = keras.Model(images, logits, name=name or network.name)
    if classes == old_classes:
        head = model.get_layer("head")
        kernel, bias = classifier.get_weights()
        head.set_weights([kernel.reshape(head.kernel.shape), bias])
    return model


def _check_spec(spec: ModelSpec, function: Callable) -> None:
    if spec.drop_path_rate:
        raise RecipeError(
            f"ModelSpec.drop_path_rate must be 0 for {spec.name}, which takes no such argument; "
            f"received {spec.drop_path_rate!r}."
        )
    known = sorted(set(inspect.signature(function).parameters) - _OWN_ARGUMENTS)
    for argument in spec.arguments:
        if argument not in known:
            takes = f"it takes {', '.join(known)}." if known else "it takes none."
            raise RecipeError(
                f"ModelSpec.arguments has {argument!r}, which {spec.name} doesn't take here; "
                f"{suggest(argument, known, takes)}"
            )


def _load_weights(
    spec: ModelSpec, build: Callable[..., keras.Model], classes: int, weights: str
) -> keras.Model:
    """Return Keras's network as the file has it: for so many classes, or for those of its own."""
    if not Path(weights).is_file():
        raise RecipeError(
            f"Recipe.weights must be a file of Keras's weights for {spec.name}; there is no file "
            f"{os.fspath(weights)!r}."
        )
    errors = []
    for count in dict.fromkeys([classes, _OFFICIAL_CLASSES]):
        network = build(input_shape=spec.input_shape, classes=count)
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # What doesn't fit is an error, too.
                network.load_weights(weights)
            return network
        except (ValueError, OSError) as error:
            errors.append(in_one_line(error))
    raise RecipeError(f"{spec.name} doesn't take the weights {weights}: {errors[0]}")
