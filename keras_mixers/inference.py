"""A saved model and image files: what the `predict` command is made of."""

import zipfile
from pathlib import Path

import keras
import numpy as np

import keras_mixers.layers  # noqa: F401  Registers them, or Keras would not know them.
from keras_mixers.catalogue import list_models, model_info
from keras_mixers.catalogue.preprocessing import Preprocessing
from keras_mixers.preprocessing import ImageError, load_image, resize_and_crop

DEFAULT_SIZE = 224  # Height and width where a model takes any.


def load_classifier(path: str | Path) -> keras.Model:
    """Load a model from pixels (B, H, W, C) in [0, 255] to class scores (B, classes).

    Args:
        path: a `.keras` file.

    Raises:
        FileNotFoundError: if there is no such file.
        ValueError: if it is damaged or of another kind, or its model is no classifier of images,
            or was built without preprocessing.

    >>> import os, tempfile
    >>> path = os.path.join(tempfile.mkdtemp(), "model.keras")
    >>> keras_mixers.ConvMixer(8, 1, classes=2).save(path)
    >>> load_classifier(path).output.shape
    (None, 2)
    """
    model = load_network(path)
    if len(model.outputs[0].shape) != 2:
        raise ValueError(f"{path} does not map images (B, H, W, C) to class scores (B, classes).")
    return model


def load_network(path: str | Path) -> keras.Model:
    """Load a model from pixels (B, H, W, C) in [0, 255] to anything, such as features.

    Args:
        path: a `.keras` file.

    Raises:
        FileNotFoundError: if there is no such file.
        ValueError: if it is damaged or of another kind, or its model is none of images, or was
            built without preprocessing.

    >>> import os, tempfile
    >>> path = os.path.join(tempfile.mkdtemp(), "model.keras")
    >>> keras_mixers.ConvMixer(8, 1, include_top=False).save(path)
    >>> load_network(path).output.shape
    (None, 32, 32, 8)
    """
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"There is no model {str(path)!r}.")
    if path.suffix != ".keras" or not zipfile.is_zipfile(path):
        raise ValueError(f"{path} is no .keras file, or one that is cut short.")
    try:
        model = keras.models.load_model(path, compile=False)
    except Exception as error:  # What a damaged file meets in Keras, h5py and json is open-ended.
        raise ValueError(f"{path} can't be loaded as a Keras model ({error}).") from None
    inputs, outputs = (getattr(model, name, None) or [] for name in ("inputs", "outputs"))
    if len(outputs) != 1 or [len(tensor.shape) for tensor in inputs] != [4]:
        raise ValueError(f"{path} does not map images (B, H, W, C) to one output.")
    if not takes_pixels(model):
        raise ValueError(
            f"{path} has no layer 'preprocessing', so what it expects of pixels is not known; "
            "build it with include_preprocessing=True."
        )
    return model


def takes_pixels(model: keras.Model) -> bool:
    """Tell whether a model takes pixels in [0, 255], which its first layer normalises.

    >>> takes_pixels(keras_mixers.ConvMixer(8, 1, include_preprocessing=False))
    False
    """
    return any(layer.name == "preprocessing" for layer in model.layers)


def image_shape(model: keras.Model, size: int | None = None) -> tuple[int, int, int]:
    """Return (height, width, channels) of the images that a model is shown.

    Args:
        model: from `load_classifier`.
        size: height and width where the model takes any; None: 224.

    Raises:
        ValueError: if there is a `size`, but the model takes one only.

    >>> image_shape(keras_mixers.ConvMixer(8, 1, input_shape=(None, None, 3)), 64)
    (64, 64, 3)
    """
    height, width, channels = model.inputs[0].shape[1:]
    if size is not None and None not in (height, width):
        raise ValueError(f"The model takes images of {height} x {width} only; leave the size out.")
    size = DEFAULT_SIZE if size is None else size
    return height or size, width or size, channels


def read_pixels(
    path: str | Path,
    model: keras.Model,
    shape: tuple[int, int, int],
    preprocessing: Preprocessing | None = None,
) -> np.ndarray:
    """Return an image (H, W, C), uint8, cut as the model's evaluation cuts it.

    A model whose name is no published variant's gets the whole of the image's shorter side.

    Args:
        path: of the image.
        model: from `load_classifier`.
        shape: from `image_shape`.
        preprocessing: whose resize and crop to apply; None: those published with the model's name.

    Raises:
        FileNotFoundError: if there is no such image.
        ImageError: if it can't be read or resized; the message names it.
    """
    image = load_image(path, shape[2])
    try:
        if preprocessing is None and model.name in list_models():
            preprocessing = model_info(model.name).preprocessing
        if preprocessing is None:
            return resize_and_crop(image, shape[:2])
        return resize_and_crop(image, shape[:2], preprocessing.crop, preprocessing.interpolation)
    except ImageError as error:
        raise ImageError(f"{path}: {error}") from None


def probabilities(model: keras.Model, pixels: np.ndarray) -> np.ndarray:
    """Return the probabilities (B, classes), also of a model that ends in logits.

    Args:
        model: from `load_classifier`.
        pixels: (B, H, W, C) in [0, 255].

    >>> model = keras_mixers.ConvMixer(8, 1, classes=2, classifier_activation=None)
    >>> bool(probabilities(model, np.zeros((1, 224, 224, 3))).sum().round(5) == 1)
    True
    """
    # Called rather than `predict`ed: beside a GPU Keras would compile for each shape first.
    scores = model(pixels.astype("float32"), training=False)
    if model.layers[-1].name == "head":
        scores = keras.ops.softmax(scores)
    return keras.ops.convert_to_numpy(scores)
