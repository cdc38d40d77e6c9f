"""What figures hold for: processor, threads, versions. And how misuse is told."""

import importlib.metadata
import os
import platform
from collections.abc import Sequence
from pathlib import Path
from typing import NoReturn

import typer


def machine(threads: int, packages: Sequence[str]) -> dict[str, object]:
    """Return the processor, how busy it was, and the versions of `packages`."""
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


def stop(message: str, code: int) -> NoReturn:
    """End a command with an error of one line."""
    typer.echo(f"Error: {message}", err=True)
    raise typer.Exit(code)


def check_out(out: Path, overwrite: bool) -> None:
    """End the command with 2 if results may not be written to `out`."""
    if not out.parent.is_dir():
        stop(f"there is no folder {out.parent}; make it, or choose another --out.", 2)
    if out.exists() and not overwrite:
        stop(f"{out} is there already; choose another --out, or add --overwrite.", 2)
