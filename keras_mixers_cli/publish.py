"""`keras-mixers publish`."""

import contextlib
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from keras_mixers_cli.console import (
    UsageError,
    echo,
    one_line_errors,
    packages_of,
    plain_warnings,
    quiet_start,
)
from keras_mixers_cli.export_options import Licence
from keras_mixers_cli.model_argument import KerasModel, Weights, check_model
from keras_mixers_cli.verify import Labels

if TYPE_CHECKING:
    from hub_export.exportable_model import ExportableModel
    from keras_mixers.weights.hubs.address import HubAddress

publish = typer.Typer(help="Publish a model on a hub.", no_args_is_help=True)

_Private = Annotated[bool, typer.Option("--private", help="Only you see a new repository.")]
_DryRun = Annotated[
    bool, typer.Option("--dry-run", help="Upload nothing; list what would be uploaded.")
]
_Out = Annotated[Path | None, typer.Option(help="New folder to keep what is uploaded.")]
_Overwrite = Annotated[
    bool,
    typer.Option("--overwrite", help="Add a new version to an earlier model at HANDLE."),
]


@publish.command()
@one_line_errors()
@packages_of("export")
def hf(
    model: KerasModel,
    handle: Annotated[str, typer.Argument(metavar="HANDLE", help="The repository, USER/NAME.")],
    weights: Weights = None,
    labels: Labels = None,
    licence: Licence = None,
    private: _Private = False,
    dry_run: _DryRun = False,
    out: _Out = None,
    overwrite: _Overwrite = False,
) -> None:
    """Publish a model on the Hugging Face Hub.

    The repository gets a card, model.keras and model.safetensors, which timm loads, too. Log in
    with `hf auth login`, or set HF_TOKEN.
    """
    from hub_export.publish.handle import parse_repository

    with _misuse():
        address = parse_repository(handle)
    check_model(model, weights, keras=True)
    with quiet_start():
        from hub_export.publish.hugging_face import export_hugging_face
        from hub_export.publish.upload_hugging_face import check_repository, upload_hugging_face
    if not dry_run:
        check_repository(address.repository, private=private, overwrite=overwrite)
    with _folder(out) as folder:
        origin = _load(model, weights, labels, licence, folder)
        export_hugging_face(origin.model, folder, origin.labels, origin.facts, address.repository)
        _list({"": folder}, address, private, dry_run)
        if not dry_run:
            echo(
                upload_hugging_face(
                    folder, address.repository, private=private, overwrite=overwrite
                )
            )


@publish.command()
@one_line_errors()
@packages_of("export")
def kaggle(
    model: KerasModel,
    handle: Annotated[
        str, typer.Argument(metavar="HANDLE", help="The model on Kaggle, OWNER/MODEL.")
    ],
    weights: Weights = None,
    labels: Labels = None,
    licence: Licence = None,
    private: _Private = False,
    dry_run: _DryRun = False,
    out: _Out = None,
    overwrite: _Overwrite = False,
) -> None:
    """Publish a model on Kaggle Models.

    The model gets SavedModels, and a variation of the framework keras that is loaded without
    running a program. Set KAGGLE_API_TOKEN to a token of your account.
    """
    from hub_export.publish.handle import parse_kaggle_model

    with _misuse():
        address = parse_kaggle_model(handle)
    check_model(model, weights, keras=True)
    with quiet_start():
        from hub_export.publish.export_kaggle import export_kaggle
        from hub_export.publish.upload_kaggle import (
            check_kaggle_model,
            list_variations,
            upload_kaggle,
        )
    if not dry_run:
        check_kaggle_model(address.repository, private=private)
    with _folder(out) as folder:
        origin = _load(model, weights, labels, licence, folder)
        export_kaggle(origin.model, folder, origin.labels, origin.facts, address.repository)
        folders = {f"{each.name}/": each.folder for each in list_variations(folder)}
        _list(folders, address, private, dry_run)
        if not dry_run:
            for variation in upload_kaggle(
                folder, address.repository, private=private, overwrite=overwrite
            ):
                echo(f"https://www.kaggle.com/models/{variation}")


@contextlib.contextmanager
def _misuse() -> Iterator[None]:
    try:
        yield
    except ValueError as error:
        raise UsageError(str(error)) from None


@contextlib.contextmanager
def _folder(out: Path | None) -> Iterator[Path]:
    """Yield the folder to write: the user's, or one that goes."""
    if out is not None:
        yield out
        return
    with tempfile.TemporaryDirectory() as folder:
        yield Path(folder, "model")


def _load(
    model: str,
    weights: str | None,
    labels: Path | None,
    licence: str | None,
    folder: Path,
) -> "ExportableModel":
    from hub_export.exportable_model import load_exportable_model
    from keras_mixers.atomic_files import check_writable

    check_writable(folder, overwrite=False)  # Before the model is loaded, which takes time.
    with plain_warnings():
        origin = load_exportable_model(model, weights, labels, licence)
    if origin.facts.licence is None:
        echo(
            "warning: without a licence, nobody may use the model; pass --licence, such as "
            "--licence Apache-2.0.",
            err=True,
        )
    return origin


def _list(folders: Mapping[str, Path], address: "HubAddress", private: bool, dry_run: bool) -> None:
    """Print the files with their sizes, and where they go.

    Args:
        folders: What lies where at the address.
        address: The repository or model.
        private: Whether it becomes private.
        dry_run: Whether nothing is uploaded.
    """
    seen = "private" if private else "public"
    echo(f"{'Would upload' if dry_run else 'Uploading'} to {address}, {seen} if it is new:")
    for place, folder in folders.items():
        for path in sorted(path for path in folder.rglob("*") if path.is_file()):
            echo(f"{path.stat().st_size:>13,}  {place}{path.relative_to(folder).as_posix()}")
