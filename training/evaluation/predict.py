"""Classifies image files with a loaded model."""

import warnings
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from keras_mixers.labels import decode_predictions
from keras_mixers.preprocessing import ImageError
from training.evaluation.loaded_model import LoadedModel, no_classes


@dataclass(frozen=True)
class Prediction:
    """The most likely classes of an image.

    Attributes:
        image: path of the image.
        classes: name and probability of each of these classes, the most likely first.
        fault: why there are none: the image can't be read.
    """

    image: Path
    classes: tuple[tuple[str, float], ...] = ()
    fault: ImageError | OSError | None = None


def predict_images(
    model: LoadedModel,
    images: Sequence[str | Path],
    top: int = 5,
    batch_size: int = 32,
    size: int | None = None,
) -> Iterator[Prediction]:
    """Yield the most likely classes of each image file, in the order of the files.

    Args:
        model: a model from `load_model`; classes without a name are called "class 0" and so on.
        images: paths of the images.
        top: number of classes.
        batch_size: number of images to predict at a time.
        size: height and width of the images, for a model that takes any size; None: 224.

    Raises:
        ValueError: if the model has no classes or predicts NaN, or an argument is out of range.

    >>> import os, tempfile, keras_mixers
    >>> from PIL import Image
    >>> from training.evaluation.load_model import load_model
    >>> folder = tempfile.mkdtemp()
    >>> path, photo = os.path.join(folder, "model.keras"), os.path.join(folder, "photo.png")
    >>> keras_mixers.ConvMixer(8, 1, input_shape=(32, 32, 3), classes=3).save(path)
    >>> Image.new("RGB", (50, 40)).save(photo)
    >>> (prediction,) = predict_images(load_model(path), [photo])
    >>> sorted(name for name, _ in prediction.classes)
    ['class 0', 'class 1', 'class 2']
    """
    compute = model.probabilities
    if compute is None or model.classes is None:
        raise ValueError(no_classes(model))
    if min(top, batch_size) < 1:
        raise ValueError(f"top and batch_size must be at least 1; received {top} and {batch_size}.")
    model.image_size(size)  # Raises an error for a size that the model doesn't take.
    names = model.labels or [f"class {i}" for i in range(model.classes)]

    def read(path: Path) -> np.ndarray | ImageError | OSError:
        try:
            return model.read_pixels(path, size)
        except (ImageError, OSError) as error:
            return error

    def classify(pixels: list[np.ndarray]) -> list[list[tuple[str, float]]]:
        return decode_predictions(compute(np.stack(pixels)), top, names) if pixels else []

    paths = [Path(image) for image in images]
    with ThreadPoolExecutor() as threads:  # Pillow releases the GIL.
        for start in range(0, len(paths), batch_size):
            batch = paths[start : start + batch_size]
            # Pillow warns about some files that it reads all the same.
            with warnings.catch_warnings(action="ignore"):
                found = list(threads.map(read, batch))
            rows = iter(classify([image for image in found if isinstance(image, np.ndarray)]))
            for path, image in zip(batch, found, strict=True):
                if isinstance(image, np.ndarray):
                    yield Prediction(path, tuple(next(rows)))
                else:
                    yield Prediction(path, fault=image)
