"""What reads a file of the user's, other than weights: a whole file of each kind, and its reader.

Weights have tests of their own, in `tests/keras_mixers/weights`.
"""

import json
import shutil
from collections.abc import Callable
from dataclasses import asdict
from functools import cache, partial
from pathlib import Path
from typing import NamedTuple

import keras
import numpy as np
import tensorflow as tf
from PIL import Image

import keras_mixers
from hub_export.archive import unpack_archive, write_archive
from hub_export.exportable_model import _read_result
from hub_export.tflite.export import write_with_settings
from hub_export.tflite.settings import Settings
from hub_export.verification.statements import differing_statements
from hub_export.verification.tflite_file import quantization_and_input_shape
from keras_mixers.catalogue.preprocessing import IMAGENET_MEAN, IMAGENET_STD, Preprocessing
from keras_mixers.inference import load_classifier
from keras_mixers.labels import class_names, format_labels
from keras_mixers.preprocessing import ImageError, load_image
from keras_mixers.run_files import read_preprocessing
from training.data import open_data
from training.data.sources.image_check import check_image
from training.data.sources.npz import open_npz
from training.errors import DataError, RecipeError, RunFolderError
from training.evaluation.load_exports import read_crop
from training.evaluation.load_model import load_model
from training.recipes import find_recipe, read_recipe
from training.run.data_record import _read as read_records
from training.run.data_record import describe_data
from training.run.folder import RunFolder
from training.run.pictures import _read as read_columns

LABELS = ["tench", "goldfish", "white shark"]


class Reader(NamedTuple):
    """A function that reads a file.

    Attributes:
        name: Of the file.
        write: Writes a whole one.
        read: Returns what is in it, to be compared with `==`.
        error: What it raises if the file is damaged; the one line names the file.
        checked: Whether a checksum is compared, so that nothing wrong can be read.
    """

    name: str
    write: Callable[[Path], object]
    read: Callable[[Path], object]
    error: type[Exception] = ValueError
    checked: bool = False


def _json(
    name: str, content: object, read: Callable, error: type[Exception] = ValueError
) -> Reader:
    return Reader(name, lambda path: path.write_text(json.dumps(content, indent=2)), read, error)


def _write_labels(path: Path) -> None:
    path.write_text(format_labels(LABELS))


def _write_archive(path: Path) -> None:
    folder = path.with_name("saved")
    (folder / "variables").mkdir(parents=True)
    (folder / "saved_model.pb").write_bytes(bytes(range(256)))
    (folder / "variables" / "variables.index").write_text("names " * 20)
    write_archive(folder, path)
    path.with_name(f"{path.name}.sha256").unlink()


def _unpack(path: Path) -> dict[str, bytes]:
    folder = path.with_name("unpacked")
    folder.mkdir()
    try:
        unpack_archive(path, folder)
        files = (file for file in folder.rglob("*") if file.is_file())
        return {str(file.relative_to(folder)): file.read_bytes() for file in files}
    finally:
        shutil.rmtree(folder)


def _write_arrays(save: Callable, path: Path) -> None:
    random = np.random.default_rng(0)
    images = random.integers(0, 256, (12, 4, 4, 3), np.uint8)
    save(path, images=images, labels=np.arange(12) % 3, class_names=np.array(LABELS))


def _read_arrays(path: Path) -> tuple:
    data = open_npz("npz", path, 0.2, 1)
    return data.class_names, data.train.digest, data.validation.digest


def _write_image(path: Path) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (6, 8, 3), np.uint8)
    Image.fromarray(noise).resize((40, 30)).save(path)


def _read_image(path: Path) -> bytes:
    """Read an image as the data set of a folder does."""
    found = check_image(path)
    if found.fault:
        raise ImageError(f"{path} {found.fault}")
    if found.plain:
        pixels = tf.io.decode_jpeg(path.read_bytes(), 3)
        assert pixels.shape == (found.height, found.width, 3)
    return load_image(path).tobytes()


@cache
def _model() -> keras.Model:
    keras.utils.set_random_seed(0)
    return keras_mixers.MLPMixer(
        4, 1, patch_size=4, tokens_mlp_dim=3, channels_mlp_dim=5, classes=3, input_shape=(8, 8, 3)
    )


def _read_keras(path: Path) -> tuple:
    model = load_classifier(path)
    config = json.dumps(model.get_config(), sort_keys=True, default=str)
    return config, [value.tobytes() for value in model.get_weights()]


def _write_tflite(path: Path) -> None:
    write_with_settings(_model(), Settings(labels=LABELS), None, path)


def _read_tflite(path: Path) -> tuple:
    """Read a TFLite file as `verify` and `evaluate` do."""
    differences = differing_statements(path, path, LABELS, {})
    quantize, shape = quantization_and_input_shape(path)
    scores = load_model(path).scores(np.zeros((1, 8, 8, 3), "uint8"))
    return differences, quantize, shape, scores.tobytes()


def _write_log(path: Path) -> None:
    rows = [f"{epoch},0.001,{2 / epoch},0.5,{2.5 / epoch},0.4" for epoch in range(1, 9)]
    path.write_text("\n".join(["epoch,learning_rate,loss,top1,val_loss,val_top1", *rows, ""]))


def _read_log(path: Path) -> dict[str, list[float]]:
    """Read the log of a run as a run does that goes on, and that draws its curves."""
    RunFolder(path.parent).trim_log(8)
    return {name: values.tolist() for name, values in read_columns(path).items()}


READERS = (
    _json("recipe.json", find_recipe("convmixer_digits").to_dict(), read_recipe, RecipeError),
    _json(
        "preprocessing.json",
        asdict(Preprocessing(IMAGENET_MEAN, IMAGENET_STD, 0.9)),
        lambda path: read_preprocessing(path.parent),
    ),
    _json(
        "result.json",
        {"accuracy": 0.5, "command": "keras-mixers train a", "dataset": "digits"},
        _read_result,
    ),
    _json("metadata.json", {"crop": 0.9, "interpolation": "bicubic"}, read_crop),
    _json(
        "data.json",
        [{"from_step": 0, **describe_data(open_data("digits"))}],
        read_records,
        RunFolderError,
    ),
    Reader("labels.txt", _write_labels, lambda path: class_names(path, len(LABELS))),
    Reader("export.tar.gz", _write_archive, _unpack, checked=True),
    Reader("stored.npz", partial(_write_arrays, np.savez), _read_arrays, DataError, checked=True),
    Reader(
        "deflated.npz",
        partial(_write_arrays, np.savez_compressed),
        _read_arrays,
        DataError,
        checked=True,
    ),
    *(
        Reader(f"image.{kind}", _write_image, _read_image, ImageError)
        for kind in ("jpg", "png", "webp", "tif", "gif", "bmp")
    ),
    Reader("log.csv", _write_log, _read_log),
    Reader("model.keras", lambda path: _model().save(path), _read_keras, checked=True),
    Reader("model.tflite", _write_tflite, _read_tflite),
)
