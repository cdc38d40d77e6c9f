"""Times the stream of augmented images beside timm's.

Run `python -m benchmarks.input_pipeline --help`.
"""

import subprocess
import sys
import tempfile
from pathlib import Path
from statistics import median
from typing import Annotated

import typer

from benchmarks import input_sides as sides
from benchmarks.inference import PACKAGES
from benchmarks.results_file import check_results_file, stop, write_results_file
from hub_export.benchmark.machine import available_threads, describe_machine
from keras_mixers.catalogue import list_models


def compare(photos: int, rounds: int, model: str, threads: int) -> dict[str, object]:
    """Time both streams in turn, then how long the steps of a network wait for ours."""
    both = (sides.OURS, sides.TIMM)
    speeds: dict[str, list[float]] = {side: [] for side in both}
    with tempfile.TemporaryDirectory() as folder:
        sides.write_photos(Path(folder), photos)
        for i in range(rounds):
            for side in both if i % 2 == 0 else reversed(both):
                speeds[side] += _measure(side, folder, threads)
        taken, waited = _measure(sides.STEPS, folder, model)
    pairs = [a / b for a, b in zip(speeds[sides.OURS], speeds[sides.TIMM], strict=True)]
    return {
        "recipe": sides.RECIPE,
        "images_per_second": {side: round(median(s), 1) for side, s in speeds.items()},
        "ratio_of_rounds": [round(pair, 2) for pair in pairs],
        "ratio": round(median(pairs), 2),
        "model": model,
        "seconds_per_step": round(taken, 2),
        "share_of_a_step_that_waited": round(waited / taken, 3),
    }


def _measure(side: str, folder: str, last: int | str) -> list[float]:
    """Run a side in a process of its own; return the numbers that it prints."""
    command = [sys.executable, "-m", "benchmarks.input_sides", side, folder, str(last)]
    process = subprocess.run(command, capture_output=True, text=True)
    if process.returncode:
        reason = process.stderr.strip().splitlines()[-1:] or ["it was killed"]
        raise ValueError(f"The side {side!r} failed: {reason[0]}")
    return [float(number) for number in process.stdout.split()]


def main(
    photos: Annotated[int, typer.Option(min=128, help="Number of photos.")] = 256,
    rounds: Annotated[int, typer.Option(min=1, help="Number of rounds.")] = 5,
    model: Annotated[str, typer.Option(help="The network whose steps wait.")] = "mixer_s32",
    out: Annotated[Path, typer.Option(help="JSON file for the results.")] = Path(
        "benchmarks/results/input_pipeline.local.json"
    ),
    overwrite: Annotated[bool, typer.Option(help="Replace an existing file.")] = False,
) -> None:
    """Compare images per second, from JPEG files to augmented batches of 224, with timm's.

    Both augment as ConvMixer's recipe on ImageNet says, with RandAugment, MixUp, CutMix and random
    erasing. Then a network trains on our stream, and what share of its time it waited is printed.
    """
    check_results_file(out, overwrite)
    if model not in list_models():
        stop(f"there is no variant {model!r}; see `keras-mixers list`.", 2)
    threads = available_threads()
    machine = describe_machine(threads, PACKAGES)
    try:
        results = compare(photos, rounds, model, threads)
    except ValueError as error:
        stop(str(error), 1)
    write_results_file(out, "benchmarks.input_pipeline", {"machine": machine, **results})
    for name, value in results.items():
        typer.echo(f"{name.replace('_', ' ')}: {value}")


if __name__ == "__main__":
    typer.run(main)
