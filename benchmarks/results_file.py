"""What the benchmark commands share: one-line errors, and results with their machine as JSON."""

import importlib.metadata
import json
import os
import platform
import shlex
import sys
from collections.abc import Mapping, Sequence
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


def describe_machine(threads: int, packages: Sequence[str]) -> dict[str, object]:
    """Return the processor, how busy it is, and the versions of `packages`."""
    lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    names = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    flags = next((line.split() for line in lines if line.startswith("flags")), [])
    return {
        "cpu": names[0] if names else platform.machine(),
        "integer_instructions": [flag for flag in flags if "vnni" in flag or "amx" in flag],
        "cores": os.cpu_count(),
        "threads": threads,
        "load_average_before": round(os.getloadavg()[0], 2),
        "system": platform.platform(),
        "python": platform.python_version(),
        "versions": {package: importlib.metadata.version(package) for package in packages},
    }


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
