"""`keras-mixers list` and `info`."""

from typing import Annotated

import typer

from keras_mixers_cli.console import (
    UsageError,
    one_line_errors,
    percent,
    print_table,
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
