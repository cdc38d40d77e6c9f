"""`keras-mixers predict`."""

import csv
import io
import json
import logging
import os
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from keras_mixers.printable import printable
from keras_mixers_cli.console import (
    Trust,
    UsageError,
    echo,
    one_line_errors,
    packages_of,
    plain_notes,
    plain_warnings,
    quiet_start,
    report,
)
from keras_mixers_cli.model_argument import Model, Weights, check_model

if TYPE_CHECKING:
    from training.evaluation.predict import Prediction

_FROM_INPUT = "-"


@one_line_errors()
@packages_of("export")
def predict(
    model: Model,
    images: Annotated[
        list[str],
        typer.Argument(
            metavar="IMAGE", help="Image files, folders of them, or - for names from stdin."
        ),
    ],
    weights: Weights = None,
    labels: Annotated[
        Path | None, typer.Option(help="File of class names. [default: the model's own]")
    ] = None,
    top: Annotated[int, typer.Option(min=1, help="Number of classes to show.")] = 5,
    batch_size: Annotated[int, typer.Option(min=1, help="Images per batch.")] = 32,
    size: Annotated[
        int | None,
        typer.Option(
            min=1, help="Height and width of the images, if the model takes any. [default: 224]"
        ),
    ] = None,
    trust: Trust = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print a JSON document.")] = False,
    as_csv: Annotated[bool, typer.Option("--csv", help="Print CSV, a line for a class.")] = False,
) -> None:
    """Print the most likely classes of each image.

    Images that can't be read are reported and skipped; the exit status is then 1.
    """
    if as_json and as_csv:
        raise UsageError("--json and --csv exclude each other; choose one.")
    check_model(model, weights)
    paths, faults = _list_images(images)
    with quiet_start():
        from training.evaluation.load_model import load_model
        from training.evaluation.predict import predict_images
    with plain_warnings(), plain_notes():
        loaded = load_model(model, labels, trust, weights)
    logging.getLogger("PIL").setLevel(logging.CRITICAL)
    for fault in faults:
        report(fault)
    found = predict_images(loaded, paths, top, batch_size, size)
    bar_fits = as_json or not sys.stdout.isatty()
    show = _show_json if as_json else _show_csv if as_csv else _show_text
    show(_watch(found, len(paths), faults, bar_fits))
    if faults:
        raise typer.Exit(1)


def _list_images(names: Iterable[str]) -> tuple[list[Path], list[Exception]]:
    """Return the files that names mean, and an error for each folder without images."""
    from keras_mixers.image_files import find_image_files

    paths: list[Path] = []
    faults: list[Exception] = []
    for path in map(Path, _read_names(names)):
        try:
            paths += find_image_files(path) if path.is_dir() else [path]
        except OSError as error:
            faults.append(error)
    return paths, faults


def _read_names(names: Iterable[str]) -> Iterator[str]:
    """Yield names, with the lines of the standard input in place of `-`."""
    for name in names:
        if name != _FROM_INPUT:
            yield name
            continue
        lines = typer.get_binary_stream("stdin").read().splitlines()
        yield from (os.fsdecode(line) for line in lines if line)


def _watch(
    predictions: Iterable["Prediction"], count: int, faults: list[Exception], bar_fits: bool
) -> Iterator["Prediction"]:
    """Yield what was classified; print the other images' errors, and append them to `faults`.

    A terminal shows a bar, unless lines are printed there, which are progress enough.
    """
    from rich.console import Console
    from rich.progress import Progress

    console = Console(stderr=True)
    # Rich would send the standard output, too, through its own console.
    with Progress(
        console=console,
        transient=True,
        redirect_stdout=False,
        redirect_stderr=False,
        disable=not (bar_fits and console.is_terminal),
    ) as bar:
        task = bar.add_task("images", total=count)
        for prediction in predictions:
            bar.advance(task)
            if prediction.fault is None:
                yield prediction
                continue
            bar.stop()
            report(prediction.fault)
            bar.start()
            faults.append(prediction.fault)


def _show_text(predictions: Iterable["Prediction"]) -> None:
    for prediction in predictions:
        echo(prediction.image)
        for name, share in prediction.classes:
            echo(f"  {share:7.2%}  {name}")


def _show_csv(predictions: Iterable["Prediction"]) -> None:
    _echo_row("image", "rank", "name", "probability")
    for prediction in predictions:
        for rank, (name, share) in enumerate(prediction.classes, 1):
            _echo_row(prediction.image, rank, name, share)


def _echo_row(*cells: object) -> None:
    line = io.StringIO()
    csv.writer(line, lineterminator="\n").writerow(map(printable, cells))
    typer.echo(line.getvalue(), nl=False)


def _show_json(predictions: Iterable["Prediction"]) -> None:
    content = [
        {
            "image": str(prediction.image),
            "classes": [{"name": name, "probability": share} for name, share in prediction.classes],
        }
        for prediction in predictions
    ]
    typer.echo(json.dumps(content, indent=2))
