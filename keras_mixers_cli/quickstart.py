"""`keras-mixers quickstart`: train, save, export and draw a small model, offline."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path

import keras
import matplotlib.figure  # noqa: F401  If it is missing, say so before the training.
import numpy as np
from rich.console import Console
from rich.table import Table

from hub_export import export_saved_model, export_tflite
from hub_export.archive import SAVED_MODEL_FILE
from hub_export.verification.comparison import Verification
from keras_mixers.atomic_files import (
    check_writable,
    own_staging,
    staging_place,
    swap_into_place,
    write_atomically,
)
from keras_mixers.inference import load_classifier, probabilities
from keras_mixers.labels import format_labels
from keras_mixers.printable import printable
from keras_mixers.run_files import LABELS_FILE, MODEL_FILE, RESULT_FILE
from keras_mixers.visualize import save_overview
from keras_mixers_cli.console import print_table
from training.data.sources.digits import NAMES, scans
from training.recipes import find_recipe
from training.train import train

SAVED_MODEL, TFLITE_FILE, PICTURE_FILE = "saved_model", "model.tflite", "picture.png"
FILES = (MODEL_FILE, LABELS_FILE, SAVED_MODEL, TFLITE_FILE, PICTURE_FILE, RESULT_FILE)
LEAST_ACCURACY = 0.97
SHOWN_IMAGES = 70
_STAGED = "quickstart"  # What is staged under this name, until all of it is made.

_DIGITS = find_recipe("convmixer_digits")
_ARGUMENTS = {"hidden_dim": 64, "depth": 4, "patch_size": 2, "kernel_size": 3}
# Unlike single pixels, patches of 2 x 2 have filters to look at; they also train in half the time.
RECIPE = replace(
    _DIGITS, name="convmixer_64_4_digits", model=replace(_DIGITS.model, arguments=_ARGUMENTS)
)


def run(folder: str | Path, overwrite: bool = False) -> None:
    """Train a small ConvMixer on scans of digits, export it and draw what it predicts.

    Writes `model.keras`, `labels.txt`, `saved_model`, `model.tflite`, `picture.png` and
    `result.json`, or nothing if one of them can't be made. Accuracy is that of `model.keras` on
    the held-out digits; the exports are compared with it there.

    Args:
        folder: where to write; created if need be. It must be empty unless `overwrite` is set.
        overwrite: whether to replace files with these names. Other files are left alone.

    Raises:
        ValueError: if the folder can't be used, the accuracy is below 97 %, or an export differs
            from the model.
        OSError: if the folder can't be written to.
        training.errors.TrainingError: if training fails.

    Example: `run("first-run")` is what `keras-mixers quickstart --out first-run` does.
    """
    folder = Path(folder)
    console = Console(highlight=False)
    if folder.exists():
        _write_into(folder, overwrite, console)
    else:
        folder.parent.mkdir(parents=True, exist_ok=True)
        with write_atomically(folder, overwrite=False) as place:
            place.mkdir()
            _write_files(place, console)
    console.print(f"Everything is in {printable(folder)}.", soft_wrap=True, markup=False)


def _write_into(folder: Path, overwrite: bool, console: Console) -> None:
    """Write all results, and move them into a folder that exists when all are made."""
    _check_folder(folder, overwrite)
    with own_staging(folder / _STAGED) as staging:
        _write_files(staging, console)
        _check_folder(folder, overwrite)  # Another process may have written into it meanwhile.
        for name in FILES:
            swap_into_place(staging / name, folder / name)


def _check_folder(folder: Path, overwrite: bool) -> None:
    if folder.is_file():
        raise ValueError(f"{str(folder)!r} is a file; choose a folder for the results.")
    if not overwrite and set(folder.iterdir()) - {staging_place(folder / _STAGED)}:
        raise ValueError(
            f"The folder {str(folder)!r} is not empty; choose another one, or pass --overwrite to "
            "replace an earlier run in it."
        )
    for name in FILES:
        marker = SAVED_MODEL_FILE if name == SAVED_MODEL else None
        check_writable(folder / name, overwrite=True, marker=marker)


def _write_files(folder: Path, console: Console) -> None:
    """Write all results into an empty folder."""
    console.rule("1  Train")
    result = train(RECIPE)
    result.network.save(folder / MODEL_FILE)
    folder.joinpath(LABELS_FILE).write_text(format_labels(NAMES))

    console.rule("2  Load, export, compare")
    model = load_classifier(folder / MODEL_FILE)
    held_out = [scan for scan in scans() if scan.held_out]
    images = np.stack([scan.image for scan in held_out])
    labels = np.array([scan.label for scan in held_out])
    scores = probabilities(model, images)
    accuracy = float(np.mean(scores.argmax(axis=-1) == labels))
    if accuracy < LEAST_ACCURACY:
        raise ValueError(
            f"{MODEL_FILE} is right on {accuracy:.1%} of the held-out digits; expected at least "
            f"{LEAST_ACCURACY:.0%}. Nothing was written."
        )
    exports = (
        export_saved_model(model, folder / SAVED_MODEL, NAMES, data=images),
        export_tflite(model, folder / TFLITE_FILE, labels=NAMES, data=images),
    )
    sizes = {name: _size(folder / name) for name in (MODEL_FILE, SAVED_MODEL, TFLITE_FILE)}
    print_table(_table(accuracy, exports, sizes))

    console.rule("3  Look")
    _draw(folder / PICTURE_FILE, model, images, scores, labels)
    console.print(f"{PICTURE_FILE} shows predictions and the learned patch filters.")
    content = {**result.to_dict(), "accuracy": accuracy, "sizes": sizes}
    folder.joinpath(RESULT_FILE).write_text(json.dumps(content, indent=2) + "\n")


def _size(path: Path) -> int:
    """Return the bytes of a file, or of all files in a folder."""
    files = [path, *path.rglob("*")]
    return sum(file.stat().st_size for file in files if file.is_file())


def _table(accuracy: float, exports: Iterable[Verification], sizes: Mapping[str, int]) -> Table:
    """Return a row for each file; a class or a difference is an export's beside the model's."""
    rows = {MODEL_FILE: (f"{accuracy:.2%}", "", "")}
    for export in exports:
        agreement = min(check.agreement for check in export.checks if check.agreement is not None)
        difference = max(check.difference for check in export.checks)
        rows[export.export] = ("", f"{agreement:.2%}", f"{difference:.1e}")
    table = Table("file")
    for heading in ("accuracy", "same class", "difference", "size"):
        table.add_column(heading, justify="right")
    for name, cells in rows.items():
        table.add_row(name, *cells, f"{sizes[name] / 1000:,.0f} kB")
    return table


def _draw(
    path: Path, model: keras.Model, images: np.ndarray, scores: np.ndarray, labels: np.ndarray
) -> None:
    right = scores.argmax(axis=-1) == labels
    shown = np.argsort(right, kind="stable")[:SHOWN_IMAGES]  # Wrong predictions come first.
    title = f"{right.sum()} of {len(right)} held-out digits are right ({right.mean():.1%})"
    if not right.all():
        title += f"; the {(~right).sum()} wrong ones come first, in red"
    save_overview(path, model, images[shown], scores[shown], labels[shown], NAMES, title)
