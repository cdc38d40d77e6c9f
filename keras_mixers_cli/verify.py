"""`keras-mixers verify`, and what it has in common with `export`."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from keras_mixers_cli.console import (
    Trust,
    one_line_errors,
    packages_of,
    plain_notes,
    plain_warnings,
    print_table,
    quiet_start,
)
from keras_mixers_cli.model_argument import Weights, check_model

if TYPE_CHECKING:
    from hub_export.verification.verify import Verification

Data = Annotated[
    Path | None,
    typer.Option(help="Folder of images to compare on. [default: parts of two photographs]"),
]
Labels = Annotated[
    Path | None, typer.Option(help="File of class names, one per line. [default: the model's own]")
]


@one_line_errors()
@packages_of("export")
def verify(
    export: Annotated[
        Path, typer.Argument(help="An export: a folder, .tar.gz, .tflite or .onnx file.")
    ],
    against: Annotated[str, typer.Option(help="The exported model, as given to `export`.")],
    weights: Weights = None,
    labels: Labels = None,
    data: Data = None,
    trust: Trust = False,
) -> None:
    """Compare an export with its model.

    The export is loaded in a new process and run on images. Its class names and metadata are
    compared with the model's, too.
    """
    check_model(against, weights, keras=True)
    with quiet_start():
        from hub_export.exportable_model import load_exportable_model
        from hub_export.publish.hub import list_exports
        from hub_export.verification.verify import verify
    parts = list_exports(export)
    origin = load_exportable_model(against, weights, labels)
    facts = origin.facts.to_json()
    faults = []
    for part in parts:
        with plain_warnings(), plain_notes():
            verification = verify(part, origin.model, data, origin.labels, facts, trust)
        print_verification(part, verification)
        faults += [verification.fault] * (not verification.passed)
    if faults:
        raise ValueError(" ".join(faults))


def print_verification(path: Path, verification: "Verification") -> None:
    """Print each comparison; differences are relative to the largest number of the output."""
    from rich.table import Table

    images = verification.images
    table = Table(f"{path}, {images} image{'s' * (images != 1)}")
    for heading in ("difference", "allowed", "same class", ""):
        table.add_column(heading, justify="right")
    for check in verification.checks:
        table.add_row(
            check.output,
            f"{check.difference:.1e}",
            f"{check.tolerance:.0e}",
            "" if check.agreement is None else f"{check.agreement:.1%}",
            "ok" if check.passed else "DIFFERS",
        )
    print_table(table)
