"""`keras-mixers export` and `keras-mixers verify`."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from keras_mixers.console import UsageError, one_line_errors, packages_of, print_table, quiet_start

if TYPE_CHECKING:
    from hub_export.origin import Origin
    from hub_export.verification import Verification

export = typer.Typer(help="Write a model in another format.", no_args_is_help=True)

_Model = Annotated[
    str, typer.Argument(help="A .keras file, a run's folder, or a variant with --weights.")
]
_Weights = Annotated[
    str | None, typer.Option(help="Of a variant: name of released weights, or a file of them.")
]
_Data = Annotated[
    Path | None,
    typer.Option(help="Folder of images to compare on. [default: two photographs]"),
]


@export.command()
@one_line_errors()
@packages_of("export")
def hub(
    model: _Model,
    out: Annotated[Path, typer.Argument(help="The folder to write.")],
    weights: _Weights = None,
    labels: Annotated[
        Path | None, typer.Option(help="Class names, one a line. [default: the model's own]")
    ] = None,
    licence: Annotated[
        str | None, typer.Option(help="Of the weights, as SPDX names it, such as Apache-2.0.")
    ] = None,
    data: _Data = None,
    tar: Annotated[bool, typer.Option("--tar", help="Also a .tar.gz and its sha256 each.")] = False,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Replace an earlier export at OUT.")
    ] = False,
) -> None:
    """Write SavedModels for TensorFlow Hub and Kaggle Models: a classifier and its features.

    Each is loaded in a new process and compared with the model before OUT appears.
    """
    with quiet_start():
        from hub_export.files import check_target
        from hub_export.hub import export_hub
        from hub_export.kaggle import MODEL_FILE
    check_target(out, overwrite, MODEL_FILE)  # Before the model takes its time to load.
    origin = _origin(model, weights, labels, licence)
    checks = export_hub(origin.model, out, origin.labels, origin.facts, tar, data, overwrite)
    for handle, verification in checks.items():
        _print(out / handle, verification)


@one_line_errors()
@packages_of("export")
def verify(
    export: Annotated[
        Path, typer.Argument(help="A SavedModel, its .tar.gz, a .tflite file, or `export hub`'s.")
    ],
    against: Annotated[str, typer.Option(help="The model that it was made of, as for `export`.")],
    weights: _Weights = None,
    data: _Data = None,
) -> None:
    """Load an export in a new process, run it on images and compare it with its model."""
    with quiet_start():
        from hub_export.hub import parts_of
        from hub_export.verification import verify
    parts = parts_of(export)
    network = _origin(against, weights).model
    faults = []
    for part in parts:
        verification = verify(part, network, data)
        _print(part, verification)
        faults += [verification.fault] * (not verification.passed)
    if faults:
        raise ValueError(" ".join(faults))


def _origin(
    model: str,
    weights: str | None,
    labels: Path | None = None,
    licence: str | None = None,
) -> "Origin":
    from hub_export.origin import load_origin
    from keras_mixers.models.catalogue import list_models

    if weights is None and model in list_models() and not Path(model).exists():
        raise UsageError(f"{model} needs --weights; see `keras-mixers weights {model}`.")
    return load_origin(model, weights, labels, licence)


def _print(path: Path, verification: "Verification") -> None:
    """Print what was compared; differences are shares of the model's largest number."""
    from rich.table import Table

    table = Table(f"{path}, {verification.images} images")
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
