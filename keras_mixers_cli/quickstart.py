"""`keras-mixers quickstart`: train on real scans, save, export, compare and look, offline."""

import json
import tempfile
import time
from dataclasses import asdict
from pathlib import Path

import keras
import matplotlib.figure  # noqa: F401  If it is missing, that shows before the training.
import numpy as np
import tensorflow as tf
from rich.console import Console
from rich.table import Table

from hub_export.archive import SAVED_MODEL_FILE
from hub_export.compare import Comparison, compare, load_keras, load_saved_model, load_tflite
from hub_export.saved_model.export import write_saved_model
from hub_export.tflite.export import write_tflite
from keras_mixers.atomic_files import check_writable, swap_into_place
from keras_mixers.models.conv_mixer import ConvMixer
from keras_mixers.visualize import save_overview
from tests.training.data import sklearn_digits as digits

SEED = 0
EPOCHS = 20
BATCH = 64
LEARNING_RATE = 0.01
WEIGHT_DECAY = 0.05
LEAST_ACCURACY = 0.97
LARGEST_DIFFERENCE = 1e-5
SHOWN_IMAGES = 70

MODEL, SAVED_MODEL, TFLITE = "model.keras", "saved_model", "model.tflite"
LABELS, PICTURE, RESULT = "labels.txt", "picture.png", "result.json"


class QuickstartError(Exception):
    """The quick start can't go on; the text is one line."""


def run(folder: str | Path, overwrite: bool = False) -> list[Comparison]:
    """Train a small ConvMixer on the digits, export it, and show that all files agree.

    Writes `model.keras`, `labels.txt`, `saved_model`, `model.tflite`, `picture.png` and
    `result.json`: none of them unless all could be made.

    Args:
        folder: for the results; made if need be, empty unless `overwrite`.
        overwrite: whether to replace what has one of these names.

    Returns:
        What was measured of the three models.

    Raises:
        QuickstartError: if the folder can't be used, the model is not good enough, or an export
            does not agree with it.

    Example: `keras-mixers quickstart --out first-run` does no more than `run("first-run")`.
    """
    folder = Path(folder)
    _prepare(folder, overwrite)
    console = Console(highlight=False)
    with tempfile.TemporaryDirectory(prefix=".quickstart-", dir=folder) as staging:
        results = _make(Path(staging), console)
        for name in (MODEL, LABELS, SAVED_MODEL, TFLITE, PICTURE, RESULT):
            swap_into_place(Path(staging) / name, folder / name)
    console.print(f"Everything is in {folder}.", soft_wrap=True, markup=False)
    return results


def _prepare(folder: Path, overwrite: bool) -> None:
    if folder.is_file():
        raise QuickstartError(f"{str(folder)!r} is a file; choose a folder for the results.")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if not overwrite and any(folder.iterdir()):
            raise QuickstartError(
                f"The folder {str(folder)!r} is not empty; choose another one, or pass "
                "--overwrite to replace an earlier run in it."
            )
        for name in (MODEL, LABELS, TFLITE, PICTURE, RESULT):
            check_writable(folder / name, overwrite)
        check_writable(folder / SAVED_MODEL, overwrite, SAVED_MODEL_FILE)
    except OSError as error:
        raise QuickstartError(f"{str(folder)!r} can't be used for the results: {error}") from None


def _make(place: Path, console: Console) -> list[Comparison]:
    """Write all results into an empty folder."""
    with tempfile.TemporaryDirectory() as data:
        builder = digits.prepare(data)
        images, labels = digits.arrays(builder, "test")
        model = build_model()
        console.rule(f"1  Train {model.name}, {model.count_params():,} parameters")
        seconds = train(model, builder)
    probabilities = model.predict_on_batch(images)
    accuracy = float((probabilities.argmax(axis=-1) == labels).mean())
    console.print(f"{accuracy:.1%} of {len(labels)} held-out digits are right, in {seconds:.0f} s.")
    check_accuracy(accuracy)

    console.rule("2  Save, export, load back, compare")
    model.save(place / MODEL)
    (place / LABELS).write_text("".join(f"{name}\n" for name in digits.NAMES))
    # Plainly written: on all held-out digits they are compared below.
    write_saved_model(model, place / SAVED_MODEL, digits.NAMES)
    write_tflite(model, place / TFLITE)
    loaders = {MODEL: load_keras, SAVED_MODEL: load_saved_model, TFLITE: load_tflite}
    results = [
        compare(place / name, load(place / name), images, labels, probabilities)
        for name, load in loaders.items()
    ]
    console.print(table(results))
    check_agreement(results)

    console.rule("3  Look")
    _draw(place / PICTURE, model, images, probabilities, labels)
    console.print(f"{PICTURE} shows predictions and the learned patch filters.")
    _write_result(place / RESULT, model, seconds, accuracy, results)
    return results


def build_model() -> keras.Model:
    """Return the ConvMixer of the quick start, for the digits (B, 8, 8, 1), with initial weights.

    >>> build_model().output.shape
    (None, 10)
    """
    keras.utils.set_random_seed(SEED)
    return ConvMixer(
        64,
        4,
        patch_size=2,
        kernel_size=3,
        classes=len(digits.NAMES),
        input_shape=(8, 8, 1),
        name="convmixer_64_4_digits",
    )


def train(model: keras.Model, builder: digits.SklearnDigits, epochs: int = EPOCHS) -> float:
    """Train a model on the digits, with Keras's progress bar, and return the seconds that took.

    AdamW; the learning rate rises for a fifth of the steps, then falls along a cosine.

    Args:
        model: from `build_model`.
        builder: of digits that are prepared.
        epochs: passes over the training digits.
    """
    held_out = builder.as_dataset("test", as_supervised=True).batch(BATCH).cache()
    scans = builder.as_dataset("train", as_supervised=True)
    batches = scans.cache().shuffle(len(scans), seed=SEED).batch(BATCH, drop_remainder=True)
    steps = epochs * len(batches)
    warm_up = steps // 5
    schedule = keras.optimizers.schedules.CosineDecay(
        0.0, steps - warm_up, warmup_target=LEARNING_RATE, warmup_steps=warm_up
    )
    model.compile(
        keras.optimizers.AdamW(schedule, weight_decay=WEIGHT_DECAY),
        loss="sparse_categorical_crossentropy",
        metrics=["accuracy"],
    )
    start = time.perf_counter()
    model.fit(
        batches.prefetch(tf.data.AUTOTUNE),
        epochs=epochs,
        validation_data=held_out,
        shuffle=False,  # The batches are; Keras would warn that it can't.
    )
    return time.perf_counter() - start


def check_accuracy(accuracy: float) -> None:
    """Raise QuickstartError if the model is not good enough to go on with."""
    if not accuracy >= LEAST_ACCURACY:
        raise QuickstartError(
            f"The model is right on {accuracy:.1%} of the held-out digits; expected at least "
            f"{LEAST_ACCURACY:.0%}. Nothing was written."
        )


def check_agreement(results: list[Comparison]) -> None:
    """Raise QuickstartError if a file does not predict what the trained model predicts."""
    for result in results:
        if result.agreement < 1 or not result.largest_difference <= LARGEST_DIFFERENCE:
            raise QuickstartError(
                f"{result.file} differs from the trained model: {result.agreement:.1%} of its "
                f"predictions are the same and probabilities differ by up to "
                f"{result.largest_difference:.1e}; expected 100.0% and at most "
                f"{LARGEST_DIFFERENCE:.0e}. Nothing was written."
            )


def table(results: list[Comparison]) -> Table:
    """Return the measurements as a table for the terminal."""
    rows = Table(title="Loaded back, on the held-out digits", title_justify="left")
    rows.add_column("file", no_wrap=True)
    for name in ("accuracy", "agreement", "difference", "size", "time/image"):
        rows.add_column(name, justify="right", no_wrap=True)
    for result in results:
        rows.add_row(
            result.file,
            f"{result.accuracy:.2%}",
            f"{result.agreement:.1%}",
            f"{result.largest_difference:.1e}",
            f"{result.size / 1000:,.0f} kB",
            f"{1000 * result.seconds_per_image:.2f} ms",
        )
    rows.caption = (
        "agreement: predictions that are the trained model's; difference: the largest of a "
        "probability; time: one image at a time"
    )
    rows.caption_justify = "left"
    return rows


def _draw(
    path: Path,
    model: keras.Model,
    images: np.ndarray,
    probabilities: np.ndarray,
    labels: np.ndarray,
) -> None:
    right = probabilities.argmax(axis=-1) == labels
    shown = np.argsort(right, kind="stable")[:SHOWN_IMAGES]  # The wrong ones first.
    title = f"{right.sum()} of {len(right)} held-out digits are right ({right.mean():.1%})"
    if not right.all():
        title += f"; the {(~right).sum()} wrong ones first, in red"
    save_overview(
        path, model, images[shown], probabilities[shown], labels[shown], digits.NAMES, title
    )


def _write_result(
    path: Path, model: keras.Model, seconds: float, accuracy: float, results: list[Comparison]
) -> None:
    content = {
        "model": model.name,
        "parameters": model.count_params(),
        "seed": SEED,
        "epochs": EPOCHS,
        "training_seconds": round(seconds, 1),
        "accuracy": accuracy,
        "command": "keras-mixers quickstart",
        "dataset": "scikit-learn's digits",
        "files": [asdict(result) for result in results],
    }
    path.write_text(json.dumps(content, indent=2) + "\n")
