"""`keras-mixers list`, `info` and `predict`."""

import logging
import warnings
from pathlib import Path
from typing import Annotated

import typer

from keras_mixers_cli.console import (
    UsageError,
    echo,
    one_line_errors,
    percent,
    plain_warnings,
    print_table,
    quiet_start,
    report,
    times,
)


@one_line_errors()
def list_variants(
    pattern: Annotated[str, typer.Argument(help="Pattern of names, such as 'mixer*'.")] = "*",
) -> None:
    """List the published variants."""
    from rich.table import Table

    from keras_mixers.catalogue import list_models, model_info

    names = list_models(pattern)
    if not names:
        raise ValueError(f"No variant matches {pattern!r}; expected a pattern such as 'mixer*'.")
    table = Table("name")
    for heading in ("parameters", "multiply-adds", "top-1", "input"):
        table.add_column(heading, justify="right")
    for variant in map(model_info, names):
        table.add_row(
            variant.name,
            f"{variant.parameters:,}",
            f"{variant.multiply_adds:.2f} G",
            percent(variant.top1),
            times(variant.input_shape),
        )
    print_table(table)


@one_line_errors()
def info(name: Annotated[str, typer.Argument(help="A variant's name; see `list`.")]) -> None:
    """Show the details of a published variant."""
    from rich.table import Table

    from keras_mixers.catalogue import model_info

    try:
        variant = model_info(name)
    except ValueError as error:
        raise UsageError(str(error)) from None
    preprocessing, size = variant.preprocessing, variant.input_shape[:2]
    resized = times(int(side / preprocessing.crop) for side in size)
    rows = {
        "family": variant.family,
        "arguments": ", ".join(f"{key}={value!r}" for key, value in variant.arguments.items()),
        "trainable parameters": f"{variant.parameters:,}",
        "fixed parameters": f"{variant.fixed_parameters:,}",
        "multiply-adds": f"{variant.multiply_adds:.4f} G",
        "top-1": percent(variant.top1),
        "top-1 source": variant.top1_source,
        "input": times(variant.input_shape),
        "classes": str(variant.classes),
        "resize": f"{resized}, {preprocessing.interpolation}",
        "centre crop": times(size),
        "mean": ", ".join(map(str, preprocessing.mean)),
        "standard deviation": ", ".join(map(str, preprocessing.std)),
        "paper": variant.paper,
    }
    table = Table("name", variant.name)
    for row in rows.items():
        table.add_row(*row)
    print_table(table)


@one_line_errors()
def predict(
    images: Annotated[
        list[Path], typer.Argument(metavar="IMAGE", help="Image files: JPEG, PNG, ...")
    ],
    model: Annotated[
        Path,
        typer.Option(help="A .keras file, or a folder with model.keras and labels.txt."),
    ],
    labels: Annotated[
        Path | None,
        typer.Option(help="File of class names. [default: labels.txt beside the model]"),
    ] = None,
    top: Annotated[int, typer.Option(min=1, help="Number of classes to show.")] = 5,
    size: Annotated[
        int | None,
        typer.Option(
            min=1, help="Height and width of the images, if the model takes any. [default: 224]"
        ),
    ] = None,
) -> None:
    """Print the most likely classes of each image.

    Images that can't be read are reported and skipped.
    """
    with quiet_start():
        from keras_mixers import inference as classifier
        from keras_mixers.labels import decode_predictions
        from keras_mixers.preprocessing import ImageError
        from keras_mixers.run_files import MODEL_FILE, find_labels, read_preprocessing

    network = classifier.load_classifier(model / MODEL_FILE if model.is_dir() else model)
    shape = classifier.image_shape(network, size)
    classes = network.outputs[0].shape[-1]
    with plain_warnings():
        names = find_labels(model, classes, labels) or [f"class {i}" for i in range(classes)]
    preprocessing = read_preprocessing(model)
    logging.getLogger("PIL").setLevel(logging.CRITICAL)
    failed = False
    for path in images:
        try:
            with warnings.catch_warnings(action="ignore"):
                pixels = classifier.read_pixels(path, network, shape, preprocessing)
        except (ImageError, OSError) as error:
            report(error)
            failed = True
            continue
        scores = classifier.probabilities(network, pixels[None])
        echo(path)
        for name, share in decode_predictions(scores, top, names)[0]:
            echo(f"  {share:7.2%}  {name}")
    if failed:
        raise typer.Exit(1)
