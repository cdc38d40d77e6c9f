"""The `keras-mixers` command. Keras and TensorFlow are imported only by commands that use them."""

from pathlib import Path
from typing import Annotated

import typer

from keras_mixers import __version__
from keras_mixers_cli.benchmark import benchmark
from keras_mixers_cli.compare import compare
from keras_mixers_cli.console import (
    one_line_errors,
    packages_of,
    plain_warnings,
    quiet_clients,
    quiet_start,
)
from keras_mixers_cli.explain import explain
from keras_mixers_cli.export import export
from keras_mixers_cli.models import info, list_variants
from keras_mixers_cli.predict import predict
from keras_mixers_cli.publish import publish
from keras_mixers_cli.training import evaluate, few_shot, recipes, train
from keras_mixers_cli.verify import verify
from keras_mixers_cli.web import serve, web
from keras_mixers_cli.weights import convert, weights

_QUICKSTART = Path("keras-mixers-quickstart")

app = typer.Typer(
    help="ConvMixer, MLP-Mixer and T2T-ViT for Keras 3.",
    no_args_is_help=True,
    add_completion=False,
    # Plain text: boxes would break an error into several lines, and --help would have to load rich.
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)
app.command("list")(list_variants)
app.command()(info)
app.command()(predict)
app.command()(weights)
app.command()(convert)
# All that follows the recipe, --help included, is parsed by the recipe's own command line.
app.command(
    context_settings={"allow_interspersed_args": False, "ignore_unknown_options": True},
)(train)
app.command(
    context_settings={"allow_interspersed_args": False, "ignore_unknown_options": True},
)(compare)
app.command()(recipes)
app.command()(evaluate)
app.command("few-shot")(few_shot)
export.command()(web)
app.add_typer(export, name="export")
app.command()(serve)
app.add_typer(publish, name="publish")
app.command()(verify)
app.command()(benchmark)
app.command()(explain)


def main() -> None:
    """Run the command."""
    quiet_clients()
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


@app.command()
@one_line_errors()
@packages_of("quickstart")
def quickstart(
    out: Annotated[Path, typer.Option(help="Folder for the results.")] = _QUICKSTART,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace an earlier run.")] = False,
) -> None:
    """Train, export and check a small ConvMixer, offline."""
    with quiet_start():
        from keras_mixers_cli.quickstart import run
    with plain_warnings():
        run(out, overwrite)
