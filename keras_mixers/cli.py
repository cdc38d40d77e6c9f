"""The `keras-mixers` command. Nothing heavy is imported before a command needs it."""

import contextlib
import logging
import os
import sys
import textwrap
import warnings
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from keras_mixers import __version__

if TYPE_CHECKING:
    from rich.table import Table

_QUICKSTART = Path("keras-mixers-quickstart")


class _UsageError(ValueError):
    """The command was asked for something that does not exist."""


@contextlib.contextmanager
def _one_line_errors() -> Iterator[None]:
    """Turn expected errors into one line and an exit status."""
    try:
        yield
    except BrokenPipeError:  # `| head`; typer ends quietly.
        raise
    except (ValueError, OSError, ImportError) as error:
        _report(error)
        raise typer.Exit(2 if isinstance(error, _UsageError) else 1) from None


app = typer.Typer(
    help="ConvMixer, MLP-Mixer and T2T-ViT for Keras 3.",
    no_args_is_help=True,
    add_completion=False,
    # Plain text: boxes and colours would break an error over lines, and load rich for --help.
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)


def main() -> None:
    """Run the command."""
    app(prog_name="keras-mixers")


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"keras-mixers {__version__}")
        raise typer.Exit


@app.callback()
def _options(
    version: Annotated[
        bool,
        typer.Option("--version", help="Show the version.", callback=_print_version, is_eager=True),
    ] = False,
) -> None:
    pass


@app.command("list")
@_one_line_errors()
def list_command(
    pattern: Annotated[str, typer.Argument(help="Names, as a shell matches them: 'mixer*'.")] = "*",
) -> None:
    """List the published variants."""
    from rich.table import Table

    from keras_mixers.models.catalogue import list_models, model_info

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
            _percent(variant.top1),
            _times(variant.input_shape),
        )
    _print_table(table)


@app.command()
@_one_line_errors()
def info(name: Annotated[str, typer.Argument(help="A variant; see `list`.")]) -> None:
    """Show what is known of a published variant."""
    from rich.table import Table

    from keras_mixers.models.catalogue import model_info

    try:
        variant = model_info(name)
    except ValueError as error:
        raise _UsageError(str(error)) from None
    how, size = variant.preprocessing, variant.input_shape[:2]
    rows = {
        "family": variant.family,
        "arguments": ", ".join(f"{key}={value!r}" for key, value in variant.arguments.items()),
        "trainable parameters": f"{variant.parameters:,}",
        "fixed parameters": f"{variant.fixed_parameters:,}",
        "multiply-adds": f"{variant.multiply_adds:.4f} G",
        "top-1": _percent(variant.top1),
        "top-1 published": variant.top1_source,
        "input": _times(variant.input_shape),
        "classes": str(variant.classes),
        "resize": f"to {_times(int(side / how.crop) for side in size)}, {how.interpolation}; the "
        f"central {_times(size)} of it",
        "mean": ", ".join(map(str, how.mean)),
        "standard deviation": ", ".join(map(str, how.std)),
        "paper": variant.paper,
    }
    table = Table("name", variant.name)
    for row in rows.items():
        table.add_row(*row)
    _print_table(table)


@app.command()
@_one_line_errors()
def predict(
    images: Annotated[list[Path], typer.Argument(metavar="IMAGE", help="JPEG, PNG, ...")],
    model: Annotated[
        Path,
        typer.Option(help="A .keras file, or a folder that holds model.keras and labels.txt."),
    ],
    labels: Annotated[
        Path | None,
        typer.Option(help="Class names, one a line. [default: labels.txt beside the model]"),
    ] = None,
    top: Annotated[int, typer.Option(min=1, help="How many classes to show.")] = 5,
    size: Annotated[
        int | None,
        typer.Option(min=1, help="Side of the images, for a model that takes any. [default: 224]"),
    ] = None,
) -> None:
    """Name the likeliest classes of images.

    An image that can't be read is reported, and the others are done.
    """
    with _quiet_start():
        from keras_mixers import classifier, preprocessing

    is_run = model.is_dir()
    file = model / "model.keras" if is_run else model
    network = classifier.load_classifier(file)
    shape = classifier.image_shape(network, size)
    names = _names(file, labels, is_run, network.outputs[0].shape[-1])
    logging.getLogger("PIL").setLevel(logging.CRITICAL)
    failed = False
    for path in images:
        try:
            with warnings.catch_warnings(action="ignore"):
                pixels = classifier.read_pixels(path, network, shape)
        except (preprocessing.ImageError, OSError) as error:
            _report(error)
            failed = True
            continue
        scores = classifier.probabilities(network, pixels[None])
        typer.echo(path)
        for name, share in preprocessing.decode_predictions(scores, names, top)[0]:
            typer.echo(f"  {share:7.2%}  {name}")
    if failed:
        raise typer.Exit(1)


@app.command()
@_one_line_errors()
def quickstart(
    out: Annotated[Path, typer.Option(help="Folder for the results.")] = _QUICKSTART,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace an earlier run.")] = False,
) -> None:
    """Train, export and compare a small ConvMixer."""
    try:
        with _quiet_start():
            from keras_mixers.quickstart import QuickstartError, run
        try:
            run(out, overwrite=overwrite)
        except QuickstartError as error:
            raise ValueError(str(error)) from None
    except ModuleNotFoundError as error:
        raise ImportError(
            f"The quick start needs the package {error.name!r}, which is not installed: "
            "pip install 'keras-mixers[quickstart]'."
        ) from None


def _names(model: Path, labels: Path | None, is_run: bool, classes: int) -> list[str]:
    """Return the names of the classes; a `labels.txt` beside a lone file may be of another."""
    from keras_mixers.preprocessing import class_names

    beside = model.with_name("labels.txt")
    if labels is not None:
        return class_names(labels, classes)
    if beside.is_file():
        try:
            return class_names(beside, classes)
        except ValueError as error:
            if is_run:
                raise
            typer.echo(f"not used: {error}", err=True)
    return [f"class {i}" for i in range(classes)]


@contextlib.contextmanager
def _quiet_start() -> Iterator[None]:
    """Hide what TensorFlow prints as it is loaded, before it reads its own log level.

    Who sets TF_CPP_MIN_LOG_LEVEL sees all of it.
    """
    if "TF_CPP_MIN_LOG_LEVEL" in os.environ or "tensorflow" in sys.modules:
        yield
        return
    os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
    stderr = os.dup(2)
    with open(os.devnull, "wb") as nowhere:
        os.dup2(nowhere.fileno(), 2)
    try:
        yield
    finally:
        os.dup2(stderr, 2)
        os.close(stderr)


def _report(error: Exception) -> None:
    """Print an error as one line; Keras's own can be the length of a model."""
    message = str(error)
    if isinstance(error, OSError) and error.strerror and error.filename:
        message = f"{error.filename}: {error.strerror}."
    message = textwrap.shorten(message or type(error).__name__, 500, placeholder=" ...")
    typer.echo(f"error: {message}", err=True)


def _percent(share: float | None) -> str:
    return "-" if share is None else f"{share:.2f} %"


def _times(sizes: Iterable[int]) -> str:
    return " x ".join(map(str, sizes))


def _print_table(table: "Table") -> None:
    """Print a table as wide as the terminal, or as wide as it is, where there is none."""
    from rich import box
    from rich.console import Console

    table.box = box.SIMPLE_HEAD
    for column in table.columns:
        column.overflow = "fold"
    width = None if sys.stdout.isatty() else 1000
    Console(width=width, markup=False, highlight=False).print(table)
