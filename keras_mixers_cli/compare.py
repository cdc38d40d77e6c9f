"""`keras-mixers compare`."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from keras_mixers_cli.console import (
    UsageError,
    one_line_errors,
    packages_of,
    plain_warnings,
    print_table,
    quiet_start,
)

if TYPE_CHECKING:
    from training.comparison.report import Report


@one_line_errors()
@packages_of("compare")
def compare(
    arguments: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="STUDY [OPTIONS]", help="A study's name or .json file, and its options."
        ),
    ] = None,
    report: Annotated[
        bool, typer.Option("--report", help="Write the report of FOLDER..., and make no runs.")
    ] = False,
    out: Annotated[
        Path | None, typer.Option(help="Folder for the report of several folders, or of runs.")
    ] = None,
) -> None:
    """Compare networks on your data: runs over several seeds, and a report of them.

    Without arguments, lists the studies; `compare STUDY --help` prints the options of one.
    `compare --report FOLDER...` writes the report of studies or runs that are there.
    """
    if report:
        _report(arguments or [], out)
    elif out is not None:
        raise UsageError("--out needs --report; a study's own report is in the folder of --run.")
    elif arguments:
        _compare(*arguments)
    else:
        _list()


def _list() -> None:
    from rich.table import Table

    from training.studies import STUDIES

    table = Table("study", "question", "data")
    for heading in ("arms", "seeds"):
        table.add_column(heading, justify="right")
    for study in STUDIES.values():
        sizes = (str(len(study.arms)), str(study.seeds))
        table.add_row(study.name, study.question, study.recipe.data, *sizes)
    print_table(table)


def _compare(name: str, *options: str) -> None:
    from keras_mixers_cli.study_options import parse
    from training.errors import RecipeError

    try:
        parsed = parse(name, options)
    except RecipeError as error:
        raise UsageError(str(error)) from None
    command = parsed.command
    if command.show:
        typer.echo(parsed.study.to_json(), nl=False)
        return
    with quiet_start():
        from training.compare import compare
    with plain_warnings():
        _exit(
            compare(
                parsed.study,
                parsed.folder,
                command.jobs,
                parsed.shard,
                command.data_dir,
                command.devices,
                command.quiet,
                command.speed,
            )
        )


def _report(folders: list[str], out: Path | None) -> None:
    if not folders:
        raise UsageError("--report needs folders of studies or runs; name one or more.")
    with quiet_start():
        from training.compare import report_runs
    with plain_warnings():
        _exit(report_runs(folders, out))


def _exit(report: "Report") -> None:
    """Exit with status 1 if a run has failed; what is unfinished may be another shard's."""
    if report.failed:
        raise typer.Exit(1)
