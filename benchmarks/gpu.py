"""Compares speed on a GPU with timm's, both in bfloat16: `python -m benchmarks.gpu --help`.

Ours runs on JAX, which needs jax[cuda12] beside the `reference` extra, and timm in `torch.compile`.
The command was only ever run with `--device cpu`, which shows that it works and says nothing.
"""

import tempfile
from collections.abc import Mapping, Sequence
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Annotated, Literal

import typer
from rich.console import Console
from rich.table import Table

from benchmarks import gpu_sides as sides
from benchmarks.inference import DEFAULT_MODELS, check_request
from benchmarks.results_file import stop, write_results_file
from hub_export.benchmark.machine import available_threads, describe_machine
from hub_export.benchmark.turns import new_process, time_in_turns
from tests.helpers.timm_variants import relative_difference

PACKAGES = ["keras-mixers", "keras", "jax", "timm", "torch"]
# bfloat16 keeps 8 bits, so that each of some forty layers may round by 2**-9 of its values.
TOLERANCE = 40 * 2.0**-9


@dataclass(frozen=True)
class Result:
    """Seconds of one network's batches and training steps, one figure per round.

    Attributes:
        name: Our name of the variant.
        device: What computed.
        difference: Largest difference between the logits, as a share of the largest logit.
        seconds: The figures, by side and what was timed, such as "timm inference".
    """

    name: str
    device: str
    difference: float
    seconds: Mapping[str, Sequence[float]]

    def pairs(self, task: str) -> list[float]:
        """How many times as fast as timm ours is, round by round."""
        sides_of_task = self.seconds[f"timm {task}"], self.seconds[f"ours {task}"]
        return [theirs / ours for theirs, ours in zip(*sides_of_task, strict=True)]


def compare(name: str, rounds: int, batch: int, device: str) -> Result:
    """Check that both sides give the same logits, then time them in turn.

    Raises:
        ValueError: If the logits differ by more than TOLERANCE.
    """
    with tempfile.TemporaryDirectory() as folder, new_process() as ours, new_process() as theirs:
        start = (name, batch, device, Path(folder) / "weights.safetensors")
        expected, device_name = theirs.submit(sides.start_timm, *start).result()
        logits, _ = ours.submit(sides.start_keras, *start).result()
        difference = relative_difference(logits, expected)
        if not difference <= TOLERANCE:  # Written so that NaN fails.
            raise ValueError(
                f"{name}: the logits differ by {difference:.1e} of the largest, expected at most "
                f"{TOLERANCE:.0e}; nothing was timed."
            )
        tasks = (sides.INFERENCE, sides.STEP)
        processes = {"ours": ours, "timm": theirs}
        turns = [(p, f"{side} {task}") for task in tasks for side, p in processes.items()]
        return Result(name, device_name, difference, time_in_turns(turns, sides.seconds, rounds))


def table(results: Sequence[Result], batch: int) -> Table:
    """Return the results as a table for people."""
    view = Table(title=f"bfloat16 on {results[0].device}: median images per second, batch {batch}")
    for column in ("network", "", "ours", "timm compiled", "ratio", "round by round"):
        view.add_column(column, no_wrap=True)
    for result in results:
        for task in (sides.INFERENCE, sides.STEP):
            speeds = [batch / median(result.seconds[f"{side} {task}"]) for side in ("ours", "timm")]
            pairs = result.pairs(task)
            view.add_row(
                *(result.name, task, *(f"{speed:.1f}" for speed in speeds)),
                *(f"{median(pairs):.2f}", f"{min(pairs):.2f} to {max(pairs):.2f}"),
            )
    return view


def main(
    models: Annotated[list[str], typer.Option(help="Variant; may be repeated.")] = DEFAULT_MODELS,
    rounds: Annotated[int, typer.Option(min=1, help="Number of rounds.")] = 9,
    batch: Annotated[int, typer.Option(min=1, help="Number of 224 x 224 images at a time.")] = 64,
    device: Annotated[Literal["cuda", "cpu"], typer.Option(help="What computes.")] = "cuda",
    out: Annotated[Path, typer.Option(help="JSON file for the results.")] = Path(
        "benchmarks/results/gpu.local.json"
    ),
    overwrite: Annotated[bool, typer.Option(help="Replace an existing file.")] = False,
) -> None:
    """Compare inference and a training step with timm, both in bfloat16 and compiled."""
    check_request(models, out, overwrite)
    try:
        machine = describe_machine(available_threads(), PACKAGES)
        results = [compare(name, rounds, batch, device) for name in models]
    # JAX raises a RuntimeError without a GPU; a package that isn't there is an ImportError.
    except (ImportError, ValueError, RuntimeError, BrokenProcessPool) as error:
        stop(str(error).splitlines()[0], 1)
    report = {
        result.name: {
            "device": result.device,
            "difference": float(f"{result.difference:.1e}"),
            "seconds": {mode: [round(s, 5) for s in v] for mode, v in result.seconds.items()},
        }
        for result in results
    }
    content = {"machine": machine, "batch": batch, "models": report}
    write_results_file(out, "benchmarks.gpu", content)
    Console(width=120).print(table(results, batch))


if __name__ == "__main__":
    typer.run(main)
