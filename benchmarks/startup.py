"""Times what a user waits for before anything is computed: `python -m benchmarks.startup`.

It fails if the command's help, building ConvMixer-1536/20 or loading it again takes longer than its
bound.
"""

import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median

import keras
import typer
from rich.console import Console
from rich.table import Table

import keras_mixers

ROUNDS = 3
# Seconds, on 2 cores of any kind.
BOUNDS = {"--help": 1.0, "build ConvMixer-1536/20": 3.0, "load it again": 5.0}


def show_help() -> None:
    """Run the command's help in a new process."""
    command = [sys.executable, "-m", "keras_mixers_cli", "--help"]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)


def build() -> keras.Model:
    """Build the largest ConvMixer."""
    return keras_mixers.ConvMixer(1536, 20)


def seconds(action: Callable[[], object]) -> float:
    """Return the median time of an action, after one that imports what it needs."""
    action()
    times = []
    for _ in range(ROUNDS):
        begun = time.perf_counter()
        action()
        times.append(time.perf_counter() - begun)
    return median(times)


def main() -> None:
    """Time the three, and compare them with their bounds."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "model.keras")
        build().save(path)
        actions = (show_help, build, lambda: keras.models.load_model(path))
        found = dict(zip(BOUNDS, map(seconds, actions), strict=True))
    view = Table("", "seconds", "bound", "")
    for name, value in found.items():
        is_slow = value > BOUNDS[name]
        view.add_row(name, f"{value:.2f}", f"{BOUNDS[name]:g}", "SLOW" if is_slow else "ok")
    Console().print(view)
    if any(value > BOUNDS[name] for name, value in found.items()):
        raise typer.Exit(1)


if __name__ == "__main__":
    typer.run(main)
