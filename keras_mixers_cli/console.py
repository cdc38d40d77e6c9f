"""Helpers that all commands share: a quiet start, one-line errors, tables."""

import contextlib
import logging
import os
import sys
import textwrap
import warnings
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Annotated, TextIO

import typer

from keras_mixers.printable import printable
from training.errors import TrainingError, in_one_line, without_traces

if TYPE_CHECKING:
    from rich.table import Table


Trust = Annotated[
    bool,
    typer.Option("--trust", help="Run a SavedModel even if it may do more than compute."),
]


class UsageError(ValueError):
    """The command line names something that doesn't exist."""


@contextlib.contextmanager
def one_line_errors() -> Iterator[None]:
    """Print expected errors as one line, and exit with a status other than 0."""
    try:
        yield
    except BrokenPipeError:  # `| head`; typer ends quietly.
        raise
    except _expected() as error:
        report(error)
        raise typer.Exit(2 if isinstance(error, UsageError) else 1) from None


def _expected() -> tuple[type[Exception], ...]:
    """Return the errors of bad input, and of a full disk or memory: TensorFlow has its own."""
    errors = sys.modules.get("tensorflow.python.framework.errors_impl")
    tensorflow = () if errors is None else (errors.OpError,)
    return (ValueError, OSError, ImportError, MemoryError, TrainingError, *tensorflow)


@contextlib.contextmanager
def packages_of(extra: str) -> Iterator[None]:
    """Report a missing package together with the extra of keras-mixers that installs it."""
    try:
        yield
    except ModuleNotFoundError as error:
        raise ImportError(
            f"The package {(error.name or '').partition('.')[0]!r} is not installed: "
            f"pip install 'keras-mixers[{extra}]'."
        ) from None


@contextlib.contextmanager
def plain_warnings() -> Iterator[None]:
    """Print this project's warnings as one line each, without their place in the code."""

    def show(
        message: Warning | str,
        category: type[Warning],
        filename: str,
        lineno: int,
        file: TextIO | None = None,
        line: str | None = None,
    ) -> None:
        echo(f"warning: {in_one_line(message)}", err=True)

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        warnings.simplefilter("always", UserWarning)
        warnings.showwarning = show
        yield


@contextlib.contextmanager
def plain_notes() -> Iterator[None]:
    """Print what hub_export notes of each SavedModel before it is loaded, as one line."""
    logger, handler = logging.getLogger("hub_export"), _Notes()
    before = logger.level, logger.propagate
    logger.setLevel(logging.INFO)
    logger.propagate = False
    logger.addHandler(handler)
    try:
        yield
    finally:
        logger.removeHandler(handler)
        logger.setLevel(before[0])
        logger.propagate = before[1]


class _Notes(logging.Handler):
    def emit(self, record: logging.LogRecord) -> None:
        echo(f"note: {in_one_line(record.getMessage())}", err=True)


def quiet_clients() -> None:
    """Keep the clients of hubs from printing among results, and bars where there is no terminal.

    They read these variables while they are imported; what the user has set stays.
    """
    os.environ.setdefault("KAGGLEHUB_VERBOSITY", "warning")
    if not sys.stderr.isatty():
        for name in ("HF_HUB_DISABLE_PROGRESS_BARS", "TQDM_DISABLE"):
            os.environ.setdefault(name, "1")


@contextlib.contextmanager
def quiet_start() -> Iterator[None]:
    """Hide what TensorFlow prints while it is loaded, before it reads its own log level.

    Set TF_CPP_MIN_LOG_LEVEL to see all of it.
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


def report(error: Exception) -> None:
    """Print an error as one line, cut short: Keras may print a whole model in an error."""
    # TensorFlow's errors go on for a page about where they came from.
    message = without_traces(str(getattr(error, "message", error)))
    if isinstance(error, OSError) and error.strerror and error.filename:
        message = f"{error.filename}: {error.strerror}."
    message = textwrap.shorten(message or type(error).__name__, 500, placeholder=" ...")
    echo(f"error: {message}", err=True)


def echo(text: object, err: bool = False) -> None:
    """Print a line in which names that come from outside can't steer the terminal."""
    typer.echo(printable(text), err=err)


def percent(share: float | None) -> str:
    """Return a percentage as text, or "-" if there is none."""
    return "-" if share is None else f"{share:.2f} %"


def times(sizes: Iterable[int]) -> str:
    """Return sizes as text, such as "224 x 224"."""
    return " x ".join(map(str, sizes))


def print_table(table: "Table") -> None:
    """Print a table that fits the terminal, or in its full width if there is no terminal.

    Names that come from outside can't steer the terminal.
    """
    from rich import box
    from rich.console import Console
    from rich.table import Column, Table

    columns = [
        Column(printable(column.header), justify=column.justify, overflow="fold")
        for column in table.columns
    ]
    shown = Table(*columns, box=box.SIMPLE_HEAD)
    for row in zip(*(column.cells for column in table.columns), strict=True):
        shown.add_row(*map(printable, row))
    width = None if sys.stdout.isatty() else 1000
    Console(width=width, markup=False, emoji=False, highlight=False).print(shown)
