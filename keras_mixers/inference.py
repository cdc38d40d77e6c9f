"""Loads a saved model and reads images for it: the parts of the `predict` command."""

import zipfile
from collections.abc import Iterable
from pathlib import Path

import keras
import numpy as np
from keras.src.saving.serialization_lib import SafeModeScope

import keras_mixers.layers  # noqa: F401  Registers the layers with Keras.
from keras_mixers.catalogue.preprocessing import Preprocessing
from keras_mixers.models.published import published_preprocessing
from keras_mixers.preprocessing import load_pixels
from keras_mixers.run_files import MODEL_FILE
from keras_mixers.weights.hubs.address import is_hub_address
from keras_mixers.weights.hubs.fetch import fetch_model

DEFAULT_SIZE = 224  # Height and width for a model that takes any size.


def load(name: str | Path) -> keras.Model:
    """Load a model that was saved here, from a file, from a run's folder or from a hub.

    Only `.keras` files are read, in Keras's safe mode, so that no code of theirs runs. From a hub,
    the file and what belongs to it are downloaded once, into the cache of the hub's client; a
    commit, a tag or a version keeps the model from changing.

    Args:
        name: A `.keras` file; a folder with a file `model.keras`, such as a run's; or
            `hf://USER/NAME[@REVISION][/FILE]` or
            `kaggle://OWNER/MODEL/FRAMEWORK/VARIATION[/VERSION][/FILE]`, whose file is by default
            `model.keras`.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If it is damaged or of another format, or the address is malformed.
        DownloadError: An OSError, if it can't be downloaded, or isn't there.
        ImportError: If the hub's client isn't installed.

    Example:

    >>> import os, tempfile
    >>> path = os.path.join(tempfile.mkdtemp(), "model.keras")
    >>> keras_mixers.ConvMixer(8, 1, classes=2).save(path)
    >>> keras_mixers.load(path).output.shape
    (None, 2)
    """
    if is_hub_address(name):
        return read_keras_file(fetch_model(str(name)))
    path = Path(name)
    return read_keras_file(path / MODEL_FILE if path.is_dir() else path)


def load_classifier(path: str | Path) -> keras.Model:
    """Load a model from pixels (B, H, W, C) in [0, 255] to class scores (B, classes).

    Args:
        path: A `.keras` file.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If it is damaged or of another format, or its model does not classify images
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
    """Load a model from pixels (B, H, W, C) in [0, 255] to one output, such as features.

    Args:
        path: A `.keras` file.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If it is damaged or of another format, or its model does not take images or
            was built without preprocessing.

    >>> import os, tempfile
    >>> path = os.path.join(tempfile.mkdtemp(), "model.keras")
    >>> keras_mixers.ConvMixer(8, 1, include_top=False).save(path)
    >>> load_network(path).output.shape
    (None, 32, 32, 8)
    """
    path = Path(path)
    model = read_keras_file(path)
    inputs, outputs = (getattr(model, name, None) or [] for name in ("inputs", "outputs"))
    if len(outputs) != 1 or [len(tensor.shape) for tensor in inputs] != [4]:
        raise ValueError(f"{path} does not map images (B, H, W, C) to one output.")
    if not takes_pixels(model):
        raise ValueError(
            f"{path} has no layer 'preprocessing', so the range of pixels that it expects is not "
            "known; build it with include_preprocessing=True."
        )
    return model


def read_keras_file(path: Path) -> keras.Model:
    """Return the model in a `.keras` file, of which no code runs.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If it is damaged or of another format, or holds code.
    """
    if not path.is_file():
        raise FileNotFoundError(f"There is no model {str(path)!r}.")
    if path.suffix != ".keras" or not zipfile.is_zipfile(path):
        raise ValueError(f"{path} is not a .keras file, or is incomplete.")
    try:
        # The scope holds even if the program has called `enable_unsafe_deserialization`.
        with SafeModeScope(safe_mode=True):
            return keras.models.load_model(path, compile=False)
    except Exception as error:  # A damaged file makes Keras, h5py and json raise anything.
        raise ValueError(f"{path} can't be loaded as a Keras model ({error}).") from None


def takes_pixels(model: keras.Model) -> bool:
    """Tell whether a model takes pixels in [0, 255], which its first layer normalises.

    >>> takes_pixels(keras_mixers.ConvMixer(8, 1, include_preprocessing=False))
    False
    """
    return any(layer.name == "preprocessing" for layer in model.layers)


def image_shape(model: keras.Model, size: int | None = None) -> tuple[int, int, int]:
    """Return the (height, width, channels) of the images for a model.

    Args:
        model: A model from `load_classifier`.
        size: Height and width for a model that takes any size, by default 224.

    Raises:
        ValueError: If `size` is given, but the model takes only one size.

    >>> image_shape(keras_mixers.ConvMixer(8, 1, input_shape=(None, None, 3)), 64)
    (64, 64, 3)
    """
    height, width, channels = model.inputs[0].shape[1:]
    if size is not None and None not in (height, width):
        raise ValueError(f"The model takes only images of {height} x {width}; leave the size out.")
    size = DEFAULT_SIZE if size is None else size
    return height or size, width or size, channels


def read_pixels(
    path: str | Path,
    model: keras.Model,
    shape: tuple[int, int, int],
    preprocessing: Preprocessing | None = None,
) -> np.ndarray:
    """Return the uint8 pixels (H, W, C) of an image, cropped as in the model's evaluation.

    For a model that isn't a published variant, the crop keeps the whole shorter side.

    Args:
        path: Path of the image.
        model: A model from `load_classifier`.
        shape: A shape from `image_shape`.
        preprocessing: The crop and the interpolation to apply, by default those of the published
            weights with the model's name and normalisation.

    Raises:
        FileNotFoundError: If there is no such image.
        ImageError: If it can't be read or resized; the message names it.
    """
    preprocessing = preprocessing or published_preprocessing(model)
    if preprocessing is None:
        return load_pixels(path, shape)
    return load_pixels(path, shape, preprocessing.crop, preprocessing.interpolation)


def evaluation_images(
    paths: Iterable[str | Path],
    model: keras.Model,
    size: int | None = None,
    preprocessing: Preprocessing | None = None,
) -> np.ndarray:
    """Read image files as a model was evaluated on images: resized, and cut to its input.

    Args:
        paths: Paths of the images.
        model: A model that takes pixels in [0, 255], which its first layer normalises.
        size: Height and width for a model that takes any size, by default 224.
        preprocessing: The crop and the interpolation, by default those of the published weights
            with the model's name, size and normalisation, or else the whole shorter side;
            `model_info(name).weights` has those of each released file.

    Returns:
        Pixels (B, H, W, C), uint8.

    Raises:
        FileNotFoundError: If there is no such image.
        ImageError: If one can't be read or resized; the message names it.
        ValueError: If there is no path, or one in place of several, or the model takes no such
            size.

    >>> import os, tempfile
    >>> from PIL import Image
    >>> path = os.path.join(tempfile.mkdtemp(), "photo.png")
    >>> Image.new("RGB", (50, 40)).save(path)
    >>> evaluation_images([path], keras_mixers.ConvMixer(8, 1, input_shape=(32, 32, 3))).shape
    (1, 32, 32, 3)
    """
    if isinstance(paths, str | Path) or not (files := list(paths)):
        raise ValueError(f"paths must be a list of one image or more; received {paths!r}.")
    shape = image_shape(model, size)
    return np.stack([read_pixels(path, model, shape, preprocessing) for path in files])


def probabilities(model: keras.Model, pixels: np.ndarray) -> np.ndarray:
    """Return the class probabilities (B, classes), even for a model that ends in logits.

    Args:
        model: A model from `load_classifier`.
        pixels: (B, H, W, C) in [0, 255], of one image or more.

    Raises:
        ValueError: If there is no image, or a lone one without B.

    >>> model = keras_mixers.ConvMixer(8, 1, classes=2, classifier_activation=None)
    >>> bool(probabilities(model, np.zeros((1, 224, 224, 3))).sum().round(5) == 1)
    True
    """
    pixels = np.asarray(pixels)
    if pixels.ndim != 4 or not len(pixels):
        raise ValueError(
            f"pixels must be one image or more, (B, H, W, C); received shape {pixels.shape}; give "
            "a lone image as pixels[np.newaxis]."
        )
    # Not `predict`: on a machine with a GPU, it would first compile for each shape.
    scores = model(pixels.astype("float32"), training=False)
    if model.layers[-1].name == "head":
        scores = keras.ops.softmax(scores)
    return keras.ops.convert_to_numpy(scores)
