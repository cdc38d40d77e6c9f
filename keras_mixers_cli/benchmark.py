"""`keras-mixers benchmark`."""

import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from keras_mixers_cli.console import (
    UsageError,
    echo,
    one_line_errors,
    packages_of,
    print_table,
    quiet_start,
)

if TYPE_CHECKING:
    import keras

    from hub_export.benchmark.measure import Comparison
    from hub_export.named_model import NamedModel

_PACKAGES = ("keras-mixers", "keras", "tensorflow")


@one_line_errors()
@packages_of("export")
def benchmark(
    model: Annotated[
        str,
        typer.Argument(metavar="MODEL", help="A run's folder, a .keras file, or a variant's name."),
    ],
    weights: Annotated[
        str | None,
        typer.Option(help="Weights of a variant: released ones, or a file. [default: random ones]"),
    ] = None,
    runtime: Annotated[
        list[str] | None, typer.Option(help="A runtime; may be repeated. [default: all]")
    ] = None,
    batch: Annotated[int, typer.Option(min=1, help="Images at a time.")] = 1,
    rounds: Annotated[int, typer.Option(min=1, help="Figures of each runtime.")] = 5,
    threads: Annotated[
        int | None, typer.Option(min=1, help="Threads. [default: one a core]")
    ] = None,
    size: Annotated[
        int | None, typer.Option(min=1, help="Height and width, if the model takes any.")
    ] = None,
    out: Annotated[Path | None, typer.Option(help="JSON file for the figures.")] = None,
    plot: Annotated[Path | None, typer.Option(help="PNG file for a plot of the figures.")] = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace these files.")] = False,
) -> None:
    """Time a model in every runtime of this machine, the fastest first.

    Each runtime has a process of its own, and they take turns. Images are random pixels.
    """
    from hub_export.named_model import find_model

    named = find_model(model, weights)
    named.require_keras()
    with quiet_start():
        from hub_export.benchmark.machine import available_threads, describe_machine
        from hub_export.benchmark.measure import compare_runtimes
        from hub_export.benchmark.plot import plot_comparison
        from hub_export.benchmark.runtimes import RUNTIMES
        from hub_export.requirements import require_packages
        from keras_mixers.atomic_files import check_writable, write_atomically
    if unknown := set(runtime or ()) - {each.name for each in RUNTIMES}:
        known = ", ".join(each.name for each in RUNTIMES)
        raise UsageError(f"There is no runtime {min(unknown)!r}; there are {known}.")
    if plot is not None:
        require_packages("visualization", "matplotlib")
        if plot.suffix != ".png":
            raise UsageError(f"The plot's name must end in '.png'; received {plot.name!r}.")
    for path in filter(None, (out, plot)):
        check_writable(path, overwrite)
    machine = describe_machine(threads or available_threads(), _PACKAGES)
    network = _load(named)
    found = compare_runtimes(network, tuple(runtime or ()), batch, rounds, threads, size)
    _print(found, batch)
    echo(_describe(machine))
    if out is not None:
        content = {"model": model, "batch": batch, "machine": machine, **asdict(found)}
        with write_atomically(out, overwrite) as place:
            place.write_text(f"{json.dumps(content, indent=2)}\n", encoding="utf-8")
    if not found.measurements:
        raise ValueError(f"No runtime computes {model}.")
    if plot is not None:
        figure = plot_comparison(found, f"{model}, batch {batch}\n{_describe(machine)}")
        with write_atomically(plot, overwrite) as place:
            figure.savefig(place)


def _load(named: "NamedModel") -> "keras.Model":
    from hub_export.benchmark.random_weights import randomise_constants
    from hub_export.exportable_model import load_exportable_model
    from hub_export.named_model import Form
    from keras_mixers import create_model

    if named.form is Form.VARIANT and named.weights is None:
        network = create_model(named.name)
        randomise_constants(network)
        return network
    return load_exportable_model(named.name, named.weights).model


def _print(found: "Comparison", batch: int) -> None:
    from rich.table import Table

    table = Table("runtime")
    for heading in ("ms per image", "round by round", "images/s", "difference"):
        table.add_column(heading, justify="right")
    for each in found.measurements:
        table.add_row(
            each.runtime,
            f"{each.median:.2f}",
            f"{min(each.milliseconds):.2f} to {max(each.milliseconds):.2f}",
            f"{1000 / each.median:.1f}",
            f"{each.difference:.0e}",
        )
    print_table(table)
    for name, reason in found.failures.items():
        echo(f"{name} was not timed: {reason}")
    for name, extra in found.missing.items():
        echo(f"{name} is not installed: pip install 'keras-mixers[{extra}]'")


def _describe(machine: dict) -> str:
    """Return threads, processor and its newest instruction sets, in one line."""
    threads, names = machine["threads"], machine["instructions"]
    newest = [name for name in ("amx_int8", "avx512_vnni", "avx512f", "avx2") if name in names]
    return f"{threads} thread{'s' * (threads != 1)}, {', '.join([machine['cpu'], *newest[:2]])}"
