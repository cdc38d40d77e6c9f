"""Compares the speed of a training step with timm's: `python -m benchmarks.training --help`."""

import tempfile
from collections.abc import Mapping, Sequence
from concurrent.futures.process import BrokenProcessPool
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from benchmarks import training_sides as sides
from benchmarks.inference import DEFAULT_MODELS, PACKAGES, check_request
from benchmarks.inference_sides import can_compile
from benchmarks.results_file import (
    stop,
    write_results_file,
)
from hub_export.benchmark.machine import available_threads, describe_machine
from hub_export.benchmark.turns import new_process, time_in_turns

# How far the first losses may be apart, as a share. Batch statistics of few images enlarge what
# rounding does to random networks: timm's own two memory formats differ by 2e-4. Parity is tested
# elsewhere; this notices a mode that computes something else.
TOLERANCE = 1e-3
# Batch sizes that fit five processes into 20 GB.
BATCH_SIZES = {"convmixer_1024_20_p14": 8, "convmixer_768_32": 4, "mixer_b16": 8}


@dataclass(frozen=True)
class Result:
    """What the training steps of one network take.

    Attributes:
        name: Our name of the variant.
        batch: Images in a step.
        seconds: Seconds of a step, one figure per round, by mode.
        megabytes: Peak memory of a mode's process, with its library, by mode.
    """

    name: str
    batch: int
    seconds: Mapping[str, Sequence[float]]
    megabytes: Mapping[str, int]

    @property
    def best(self) -> str:
        """The mode in which timm is fastest."""
        theirs = [mode for mode in self.seconds if mode not in (sides.OURS, sides.BACKEND)]
        return min(theirs, key=lambda mode: median(self.seconds[mode]))

    @property
    def pairs(self) -> list[float]:
        """How many times as fast as timm's fastest mode ours is, round by round."""
        ours, theirs = self.seconds[sides.OURS], self.seconds[self.best]
        return [b / a for a, b in zip(ours, theirs, strict=True)]

    @property
    def memory_ratio(self) -> float:
        """Our peak memory divided by that of timm's fastest mode."""
        return self.megabytes[sides.OURS] / self.megabytes[self.best]


def compare(name: str, batch: int, rounds: int, threads: int) -> Result:
    """Check that all modes start with the same loss, then time them in turn.

    Raises:
        ValueError: If a loss differs by more than TOLERANCE of timm's.
    """
    modes = [sides.NCHW, sides.NHWC, sides.OURS, sides.BACKEND]
    if can_compile():
        modes.insert(2, sides.COMPILED)
    with ExitStack() as stack:
        folder = stack.enter_context(tempfile.TemporaryDirectory())
        processes = {mode: stack.enter_context(new_process()) for mode in modes}
        arguments = (name, batch, threads, Path(folder) / "weights.safetensors")
        losses = {
            mode: process.submit(sides.start, mode, *arguments).result()
            for mode, process in processes.items()
        }
        expected = losses[sides.NCHW]
        for mode, loss in losses.items():
            if not abs(loss - expected) <= TOLERANCE * expected:  # Written so that NaN fails.
                raise ValueError(
                    f"{name}: the loss of the first step is {loss:.6f} ({mode}), expected "
                    f"{expected:.6f} as in timm; nothing was timed."
                )
        turns = [(process, mode) for mode, process in processes.items()]
        seconds = time_in_turns(turns, sides.seconds_per_step, rounds)
        memory = {mode: p.submit(sides.peak_memory).result() for mode, p in processes.items()}
    return Result(name, batch, seconds, memory)


def report(results: Sequence[Result]) -> dict[str, object]:
    """Return the results for the JSON file, rounded to the precision of the measurement."""
    return {
        result.name: {
            "batch": result.batch,
            "ratio_of_rounds": [round(ratio, 3) for ratio in result.pairs],
            "best_of_timm": result.best,
            "memory_ratio": round(result.memory_ratio, 2),
            "modes": {
                mode: {
                    "median_seconds": round(median(values), 3),
                    "rounds": [round(value, 3) for value in values],
                    "peak_megabytes": result.megabytes[mode],
                }
                for mode, values in result.seconds.items()
            },
        }
        for result in results
    }


def table(results: Sequence[Result]) -> Table:
    """Return the results as a table for people."""
    view = Table(title="Seconds of a training step and peak MB; ratios to timm's fastest mode")
    for column in ("network", "batch", *results[0].seconds, "speed", "round by round", "memory"):
        left = column == "network"
        view.add_column(column, justify="left" if left else "right", no_wrap=left)
    for result in results:
        cells = [f"{median(s):.2f} ({result.megabytes[m]})" for m, s in result.seconds.items()]
        pairs = result.pairs
        view.add_row(
            *(result.name, str(result.batch), *cells, f"{median(pairs):.2f}"),
            f"{min(pairs):.2f} to {max(pairs):.2f}",
            f"{result.memory_ratio:.2f}",
        )
    return view


def main(
    models: Annotated[list[str], typer.Option(help="Variant; may be repeated.")] = DEFAULT_MODELS,
    rounds: Annotated[int, typer.Option(min=1, help="Number of rounds.")] = 5,
    out: Annotated[Path, typer.Option(help="JSON file for the results.")] = Path(
        "benchmarks/results/training.local.json"
    ),
    overwrite: Annotated[bool, typer.Option(help="Replace an existing file.")] = False,
) -> None:
    """Compare a training step in float32 with timm's: AdamW, the same weights, images and threads.

    Our side runs twice: with the gradients of `keras_mixers.gradients`, and with TensorFlow's own.
    """
    check_request(models, out, overwrite)
    threads = available_threads()
    results, machine = [], describe_machine(threads, PACKAGES)
    try:
        for name in models:
            results.append(compare(name, BATCH_SIZES.get(name, 4), rounds, threads))
    except (ValueError, BrokenProcessPool) as error:
        stop(str(error), 1)
    write_results_file(out, "benchmarks.training", {"machine": machine, "models": report(results)})
    Console(width=200).print(table(results))


if __name__ == "__main__":
    typer.run(main)
