"""What the benchmark commands share: one-line errors, and results with their machine as JSON."""

import json
import shlex
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import NoReturn

import typer


def stop(message: str, code: int) -> NoReturn:
    """End a command with an exit code, and an error of one line."""
    typer.echo(f"Error: {message}", err=True)
    raise typer.Exit(code)


def check_results_file(out: Path, overwrite: bool) -> None:
    """End the command with exit code 2 if the results can't be written to `out`."""
    if not out.parent.is_dir():
        stop(f"there is no folder {out.parent}; make it, or choose another --out.", 2)
    if out.exists() and not overwrite:
        stop(f"{out} is there already; choose another --out, or add --overwrite.", 2)


def write_results_file(out: Path, module: str, results: Mapping[str, object]) -> None:
    """Write results as JSON, with the command that gave them; the file appears whole or not at all.

    Args:
        out: The file to write.
        module: The module that was run, such as "benchmarks.tflite".
        results: What else the file says.
    """
    command = shlex.join(["python", "-m", module, *sys.argv[1:]])
    part = out.with_suffix(".part")
    content = json.dumps({"command": command, **results}, indent=2)
    part.write_text(f"{content}\n", encoding="utf-8")
    part.replace(out)
