"""The door that every export goes through: loaded in a new process, run, compared."""

import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf

from hub_export.archive import SAVED_MODEL_FILE, SUFFIX, sha256_of
from hub_export.verification.comparison import Accepted, check
from hub_export.verification.comparison import Check as Check
from hub_export.verification.comparison import Verification as Verification
from hub_export.verification.images import pixels_for
from hub_export.verification.tflite_file import describe
from hub_export.verification.tflite_tolerances import ACCEPTED, OUTPUTS, of_output, of_shape
from hub_export.verification.worker import BATCH, OPENVINO, Outputs
from keras_mixers.atomic_files import write_atomically
from keras_mixers.models.heads import features_of, is_classifier, to_probabilities, without_softmax

# Largest difference, as a share of the largest expected number, by the precision a model computes
# in. Half precision: five times the distance of two numbers, of 11 bits or of 8.
TOLERANCES = {"float32": 1e-5, "float16": 5 * 2**-10, "bfloat16": 5 * 2**-7}


def verify(
    path: str | Path, model: keras.Model, data: np.ndarray | str | Path | None = None
) -> Verification:
    """Load an export in a new process, run it on real images and compare it with its model.

    Args:
        path: a SavedModel's folder, its `.tar.gz`, a `.tflite` or `.onnx` file, or OpenVINO's
            folder.
        model: what was exported; pixels in [0, 255] go in. A SavedModel that has no logits is
            compared with its features.
        data: folder of images, or pixels (B, H, W, C) in [0, 255]; None: eight parts of two
            photographs that come with scikit-learn.

    Raises:
        FileNotFoundError: if there is nothing at `path`.
        ValueError: if it is no export, is damaged, or does not take the model's images.

    Example:

    >>> import keras_mixers
    >>> from hub_export.tflite.export import write_tflite
    >>> model = keras_mixers.ConvMixer(8, 1, input_shape=(32, 32, 3), classes=5)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     write_tflite(model, Path(folder, "a.tflite"))
    ...     verify(f"{folder}/a.tflite", model).passed
    True
    """
    path = Path(path)
    with opened(path) as export:
        accepted = Accepted(TOLERANCES[_precision(model)])
        if is_tflite := export.suffix == ".tflite":
            quantize, shape = describe(export)
            model = of_shape(model, shape)
            tolerance = max(accepted.difference, ACCEPTED[quantize].difference)
            accepted = ACCEPTED[quantize]._replace(difference=tolerance)
        pixels = pixels_for(model, data)
        found = _run(export, path, pixels)
        if is_tflite:
            model = of_output(model, found)
        is_saved_model = (export / SAVED_MODEL_FILE).is_file()
        if is_saved_model and "serving_default:logits" not in found:
            model = features_of(model)
        expected = _expected(model, pixels, is_saved_model, found)
    scores = {name for name in expected if is_classifier(model) and "feature" not in name}
    checks = [
        check(name, found.get(name), value, accepted, name in scores)
        for name, value in expected.items()
    ]
    return Verification(path.name, len(pixels), tuple(checks))


def export_verified(
    write: Callable[[Path], None],
    model: keras.Model,
    path: Path,
    overwrite: bool,
    marker: str | None = None,
    data: np.ndarray | str | Path | None = None,
) -> Verification:
    """Write an export beside `path` and let it take that name once it was compared.

    Args:
        write: writes the export to a path.
        model: what it writes.
        path: the file or folder.
        overwrite: whether `path` may exist; see `keras_mixers.atomic_files`.
        marker: file that every folder of the kind has.
        data: as `verify` takes it.

    Raises:
        ValueError: if the comparison fails; then nothing is left behind.
    """
    with write_atomically(path, overwrite, marker) as place:
        write(place)
        verification = verify(place, model, data)
        if not verification.passed:
            raise ValueError(f"{verification.fault} Nothing was written.")
    return verification


@contextmanager
def opened(path: Path) -> Iterator[Path]:
    """Lend the file or folder that can be loaded; an archive is unpacked."""
    if not path.exists():
        raise FileNotFoundError(f"There is no export {str(path)!r}.")
    is_file = path.suffix in (".tflite", ".onnx") and path.is_file()
    if is_file or (path / OPENVINO).is_file():
        yield path
    elif path.name.endswith(SUFFIX) and path.is_file():
        with tempfile.TemporaryDirectory() as folder:
            _unpack(path, Path(folder))
            yield _saved_model(Path(folder), path)
    else:
        yield _saved_model(path, path)


def _saved_model(folder: Path, named: Path) -> Path:
    if (folder / SAVED_MODEL_FILE).is_file():
        return folder
    raise ValueError(
        f"{named} is no export; expected a folder with a file {SAVED_MODEL_FILE!r}, such a "
        f"folder as {SUFFIX}, a .tflite or .onnx file, or a folder with a file {OPENVINO!r}."
    )


def _unpack(archive: Path, folder: Path) -> None:
    noted = archive.with_name(f"{archive.name}.sha256")
    if noted.is_file():
        digest = noted.read_text(encoding="utf-8").split(maxsplit=1)[:1]
        if digest != [sha256_of(archive)]:
            raise ValueError(f"{archive} is damaged: its sha256 is not the one in {noted.name}.")
    try:
        with tarfile.open(archive) as tar:
            tar.extractall(folder, filter="data")
    except (tarfile.TarError, EOFError, OSError) as error:
        raise ValueError(f"{archive} can't be unpacked ({error}).") from None


def _run(export: Path, named: Path, pixels: np.ndarray) -> Outputs:
    with tempfile.TemporaryDirectory() as folder:
        images, outputs = Path(folder, "images.npy"), Path(folder, "outputs.npz")
        np.save(images, pixels)
        arguments = (str(path) for path in (export, images, outputs))
        command = [sys.executable, "-P", "-m", "hub_export.verification.worker", *arguments]
        process = subprocess.run(command, capture_output=True, text=True, errors="replace")
        if process.returncode != 0:
            reason = (process.stderr.strip() or f"status {process.returncode}").splitlines()[-1]
            raise ValueError(f"{named} can't be loaded and run ({reason}).")
        with np.load(outputs) as arrays:
            return dict(arrays)


def _expected(
    model: keras.Model, pixels: np.ndarray, is_saved_model: bool, found: Outputs
) -> Outputs:
    """Return what an export of `model` should give for the pixels, by the names of its outputs."""
    pixels = pixels.astype("float32")
    if not is_saved_model:
        name = next((name for name in OUTPUTS if name in found), "output_0")
        return {name: _predict(model, pixels)}
    pixels = pixels / np.float32(255) * np.float32(255)  # Rounded as the export gets them.
    features = _predict(features_of(model), pixels)
    if not is_classifier(model):
        return dict.fromkeys(
            ("call", "serving_default:default", "feature_vector:default"), features
        )
    logits = _predict(without_softmax(model), pixels)
    return {
        "call": logits,
        "features": features,
        "serving_default:logits": logits,
        "serving_default:probabilities": to_probabilities(model, tf.constant(logits)).numpy(),
        "image_classification:default": logits,
        "feature_vector:default": features,
    }


def _predict(model: keras.Model, pixels: np.ndarray) -> np.ndarray:
    # In a graph, as exports run: TensorFlow rounds less often there, where it joins operations.
    images = tf.TensorSpec((None, *pixels.shape[1:]), tf.float32)
    network = tf.function(lambda images: model(images, training=False), autograph=False)
    network = network.get_concrete_function(images)
    parts = [network(tf.constant(pixels[i : i + BATCH])) for i in range(0, len(pixels), BATCH)]
    return np.concatenate([tf.cast(part, tf.float32).numpy() for part in parts])


def _precision(model: keras.Model) -> str:
    """Return the lowest precision that a layer computes in."""
    found = {layer.compute_dtype for layer in model.layers}
    return next((name for name in ("bfloat16", "float16") if name in found), "float32")
