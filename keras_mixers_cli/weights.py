"""`keras-mixers weights` and `keras-mixers convert`."""

from pathlib import Path
from typing import Annotated

import typer

from keras_mixers_cli.console import echo, one_line_errors, percent, print_table, quiet_start


@one_line_errors()
def weights(
    variant: Annotated[str, typer.Argument(help="Pattern of variants, such as 'mixer*'.")] = "*",
    verify: Annotated[
        bool,
        typer.Option("--verify", help="Check the files in the cache, and print size and SHA-256."),
    ] = False,
) -> None:
    """List the released weights.

    KERAS_MIXERS_WEIGHTS_URL names a mirror or a local folder, KERAS_MIXERS_CACHE another cache.
    """
    from fnmatch import fnmatch

    from rich.table import Table

    from keras_mixers.catalogue.sources import SOURCES

    sources = [source for source in SOURCES if fnmatch(source.variant, variant)]
    if not sources:
        raise ValueError(f"No released weights match {variant!r}; see `keras-mixers weights`.")
    if verify:
        _verify(sources)
        return
    table = Table("variant", "weights", "trained on", "classes", "top-1", "licence", "file")
    for source in sources:
        table.add_row(
            source.variant,
            source.name,
            source.dataset,
            f"{source.classes:,}",
            percent(source.top1),
            source.licence,
            source.file,
        )
    print_table(table)


def _verify(sources: list) -> None:
    """Print size and SHA-256 of the files in the cache; exit with 1 if one is faulty."""
    from keras_mixers.weights.download import local_path
    from keras_mixers.weights.released_file import checksum, find_fault

    found, faulty = 0, False
    for source in sources:
        path = local_path(source)
        if not path.exists():
            continue
        found += 1
        fault = find_fault(path, source)
        faulty = faulty or fault is not None
        size, sha256 = path.stat().st_size, checksum(path)
        echo(f"{sha256}  {size:>11}  {source.file}{f'  {fault}' if fault else ''}")
    echo(f"{found} of {len(sources)} files are in the cache.", err=True)
    if faulty:
        raise typer.Exit(1)


@one_line_errors()
def convert(
    source: Annotated[
        str,
        typer.Argument(
            help="A checkpoint file, hf://USER/NAME, or VARIANT:WEIGHTS as mixer_b16:imagenet."
        ),
    ],
    out: Annotated[Path, typer.Argument(help="The file to write, .keras or .weights.h5.")],
    variant: Annotated[
        str | None, typer.Option(help="The file's variant. [default: detected from its content]")
    ] = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace OUT.")] = False,
) -> None:
    """Convert released weights to a Keras file."""
    with quiet_start():
        from keras_mixers import conversion

    model, account = conversion.convert(source, out, variant, overwrite)
    echo(f"{out}: {model.name}, {account}")
