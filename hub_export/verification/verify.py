"""Compares an export with its model: the export is loaded in a new process and run on images."""

import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf

from hub_export.archive import SAVED_MODEL_FILE, SUFFIX, unpack_archive
from hub_export.trust import admit_saved_model
from hub_export.verification.comparison import OutputCheck as OutputCheck
from hub_export.verification.comparison import Tolerances, check_output
from hub_export.verification.comparison import Verification as Verification
from hub_export.verification.images import comparison_pixels
from hub_export.verification.statements import differing_statements
from hub_export.verification.tflite_file import quantization_and_input_shape
from hub_export.verification.tflite_tolerances import (
    OUTPUT_NAMES,
    TFLITE_TOLERANCES,
    with_input_shape,
    with_output_of_file,
)
from hub_export.verification.worker import BATCH, OPENVINO_FILE, Outputs
from keras_mixers.atomic_files import write_atomically
from keras_mixers.models.heads import features_of, is_classifier, to_probabilities, without_softmax
from keras_mixers.models.published import read_normalisation

# Largest difference, as a share of the largest expected value, by the precision that a model
# computes in. In half precision: five times the spacing of numbers with 11 or 8 significant bits.
PRECISION_TOLERANCES = {"float32": 1e-5, "float16": 5 * 2**-10, "bfloat16": 5 * 2**-7}


def verify(
    path: str | Path,
    model: keras.Model,
    data: np.ndarray | str | Path | None = None,
    labels: Sequence[str] | None = None,
    facts: Mapping[str, object] | None = None,
    trust: bool = False,
) -> Verification:
    """Load an export in a new process, run it on real images and compare it with its model.

    What the export's `labels.txt` and `metadata.json` say is compared with `labels`, with `facts`
    and with the model's normalisation and input, as far as both are known.

    Args:
        path: A SavedModel's folder, its `.tar.gz`, a `.tflite` or `.onnx` file, or an OpenVINO
            folder.
        model: The model that was exported, which takes pixels in [0, 255]. A SavedModel without
            logits is compared with the model's features.
        data: A folder of images or an array (B, H, W, C) of pixels in [0, 255]. By default, eight
            crops of two photographs that come with scikit-learn.
        labels: One name per class.
        facts: What is known about the model, as `ModelFacts.to_json` gives it.
        trust: Whether to run a SavedModel that may do more than compute; see `admit_saved_model`.

    Returns:
        What was compared, and whether it matched.

    Raises:
        FileNotFoundError: If there is nothing at `path`.
        ValueError: If it isn't an export, is damaged, or doesn't take the model's images.
        UntrustedModelError: If it may do more than compute, and isn't trusted.

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
    with unpacked_export(path) as export:
        known = {**_own_facts(model), **(facts or {})}
        statements = differing_statements(export, path, labels, known)
        tolerances = Tolerances(PRECISION_TOLERANCES[_lowest_precision(model)])
        if is_tflite := export.suffix == ".tflite":
            quantize, shape = quantization_and_input_shape(export)
            model = with_input_shape(model, shape)
            difference = max(tolerances.difference, TFLITE_TOLERANCES[quantize].difference)
            tolerances = TFLITE_TOLERANCES[quantize]._replace(difference=difference)
        pixels = comparison_pixels(model, data)
        is_saved_model = (export / SAVED_MODEL_FILE).is_file()
        if is_saved_model:
            admit_saved_model(export, path, trust)
        found = _run_in_new_process(export, path, pixels)
        if is_tflite:
            model = with_output_of_file(model, found)
        if is_saved_model and "serving_default:logits" not in found:
            model = features_of(model)
        expected = _expected_outputs(model, pixels, is_saved_model, found)
    scores = {name for name in expected if is_classifier(model) and "feature" not in name}
    checks = [
        check_output(name, found.get(name), value, tolerances, name in scores)
        for name, value in expected.items()
    ]
    return Verification(path.name, len(pixels), tuple(checks), statements)


def export_verified(
    write: Callable[[Path], None],
    model: keras.Model,
    path: Path,
    overwrite: bool,
    marker: str | None = None,
    data: np.ndarray | str | Path | None = None,
) -> Verification:
    """Write an export to a temporary place, compare it with its model, then move it to `path`.

    Args:
        write: Function that writes the export to a given path.
        model: The model that it writes.
        path: The file or folder to write.
        overwrite: Whether to replace an earlier export at `path`; see `keras_mixers.atomic_files`.
        marker: Name of a file that every folder of this kind of export holds.
        data: Images for the comparison, as `verify` takes them.

    Returns:
        What was compared.

    Raises:
        ValueError: If the export doesn't match the model; then nothing is written.
    """
    with write_atomically(path, overwrite, marker) as place:
        write(place)
        verification = verify(place, model, data, trust=True)
        if not verification.passed:
            raise ValueError(f"{verification.fault} Nothing was written.")
    return verification


@contextmanager
def unpacked_export(path: Path) -> Iterator[Path]:
    """Yield the file or folder of an export that can be loaded; an archive is unpacked for it.

    Raises:
        FileNotFoundError: If there is nothing at `path`.
        ValueError: If it isn't an export, or is a damaged archive.
    """
    if not path.exists():
        raise FileNotFoundError(f"There is no export {str(path)!r}.")
    is_file = path.suffix in (".tflite", ".onnx") and path.is_file()
    if is_file or (path / OPENVINO_FILE).is_file():
        yield path
    elif path.name.endswith(SUFFIX) and path.is_file():
        with tempfile.TemporaryDirectory() as folder:
            unpack_archive(path, Path(folder))
            yield _require_saved_model(Path(folder), path)
    else:
        yield _require_saved_model(path, path)


def _require_saved_model(folder: Path, named: Path) -> Path:
    """Return `folder` if it is a SavedModel; otherwise the error speaks of the path `named`."""
    if (folder / SAVED_MODEL_FILE).is_file():
        return folder
    raise ValueError(
        f"{named} is not an export; expected a folder with a file {SAVED_MODEL_FILE!r}, a "
        f"{SUFFIX} of such a folder, a .tflite or .onnx file, or a folder with a file "
        f"{OPENVINO_FILE!r}."
    )


def _run_in_new_process(export: Path, named: Path, pixels: np.ndarray) -> Outputs:
    """Return the outputs of an export by name; errors call it `named`."""
    with tempfile.TemporaryDirectory() as folder:
        images, outputs = Path(folder, "images.npy"), Path(folder, "outputs.npz")
        np.save(images, pixels)
        reason = _start_worker(export, images, outputs)
        if reason:
            raise ValueError(f"{named} can't be loaded and run ({reason}).")
        with np.load(outputs) as arrays:
            return dict(arrays)


def _start_worker(export: Path, images: Path, outputs: Path) -> str:
    """Run an export in a new process; return the reason if that fails, otherwise ""."""
    arguments = (str(path) for path in (export, images, outputs))
    # -P: files in the current folder must not shadow Python's modules.
    command = [sys.executable, "-P", "-m", "hub_export.verification.worker", *arguments]
    # The worker ends with its standard input, which this process holds open as long as it lives.
    end, held_open = os.pipe()
    try:
        process = subprocess.run(
            command, stdin=end, capture_output=True, text=True, errors="replace"
        )
    finally:
        os.close(end)
        os.close(held_open)
    if process.returncode == 0:
        return ""
    return (process.stderr.strip() or f"status {process.returncode}").splitlines()[-1]


def _expected_outputs(
    model: keras.Model, pixels: np.ndarray, is_saved_model: bool, found: Outputs
) -> Outputs:
    """Return what an export of `model` should give for the pixels, by name of the output."""
    pixels = pixels.astype("float32")
    if not is_saved_model:
        name = next((name for name in OUTPUT_NAMES if name in found), "output_0")
        return {name: _predict(model, pixels)}
    pixels = pixels / np.float32(255) * np.float32(255)  # Rounded as in the export.
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


def _own_facts(model: keras.Model) -> dict[str, object]:
    """Return what a model itself tells, as in an export's metadata."""
    mean, std = read_normalisation(model)
    return {"mean": mean, "std": std, "input_shape": model.inputs[0].shape[1:]}


def _predict(model: keras.Model, pixels: np.ndarray) -> np.ndarray:
    # As a graph, like the export: TensorFlow fuses operations in graphs and so rounds less often.
    images = tf.TensorSpec((None, *pixels.shape[1:]), tf.float32)
    network = tf.function(lambda images: model(images, training=False), autograph=False)
    network = network.get_concrete_function(images)
    parts = [network(tf.constant(pixels[i : i + BATCH])) for i in range(0, len(pixels), BATCH)]
    return np.concatenate([tf.cast(part, tf.float32).numpy() for part in parts])


def _lowest_precision(model: keras.Model) -> str:
    """Return the lowest precision that any layer computes in."""
    found = {layer.compute_dtype for layer in model.layers}
    return next((name for name in ("bfloat16", "float16") if name in found), "float32")
