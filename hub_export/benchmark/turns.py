"""Runs the sides of a comparison, each in a process of its own, in turn."""

import multiprocessing
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Executor, ProcessPoolExecutor
from statistics import median

# For how long calls are repeated: a small network takes less than a millisecond.
LEAST_SECONDS = 0.2


def new_process() -> ProcessPoolExecutor:
    """Return an executor that runs everything in one new process."""
    return ProcessPoolExecutor(1, multiprocessing.get_context("spawn"))


def time_in_turns(
    turns: Sequence[tuple[Executor, str]], seconds: Callable[[str], float], rounds: int
) -> dict[str, list[float]]:
    """Return how many seconds each mode takes, one figure per round.

    Every second round runs in reverse order, so that no mode always profits from its place.

    Args:
        turns: The process and the name of each mode.
        seconds: Function that times a mode in its process.
        rounds: Number of rounds.
    """
    times: dict[str, list[float]] = {mode: [] for _, mode in turns}
    for i in range(rounds):
        for process, mode in turns if i % 2 == 0 else reversed(turns):
            times[mode].append(process.submit(seconds, mode).result())
    return times


def median_seconds(call: Callable[[], object]) -> float:
    """Return the median time of a call, after one to warm up because something else ran before."""
    call()
    times: list[float] = []
    while sum(times) < LEAST_SECONDS:
        begun = time.perf_counter()
        call()
        times.append(time.perf_counter() - begun)
    return median(times)
