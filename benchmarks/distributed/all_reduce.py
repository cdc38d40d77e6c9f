"""What it costs to add up gradients: `python -m benchmarks.distributed.all_reduce`.

Measured on 1, 2 and 4 of TensorFlow's logical CPUs, which share this machine's cores and memory;
then on paper, for links between machines. Each replica of a ring sends and receives 2 (n - 1) / n
of the gradients' bytes, so that the time is nearly the same for many replicas as for four.
"""

import subprocess
import sys
import time
from statistics import median

import tensorflow as tf

from benchmarks.distributed.replicas import logical_cpus
from keras_mixers.catalogue import model_info

NETWORKS = ("t2t_vit_14", "convmixer_768_32", "convmixer_1536_20", "mixer_b16")
MEASURED = 10_000_000  # Numbers to add up, in tensors of a million.
REPLICAS = (1, 2, 4)
PAPER = (2, 4, 8, 64)
LINKS = {"10 Gbit/s": 1.25e9, "100 Gbit/s": 12.5e9, "400 Gbit/s": 50e9}  # Bytes a second.
ROUNDS = 9


def measure(replicas: int) -> float:
    """Return the seconds that adding up the numbers takes; the median of some rounds."""
    logical_cpus(replicas)
    strategy = tf.distribute.MirroredStrategy([f"/cpu:{i}" for i in range(replicas)])
    # Different ones, or TensorFlow would add up one for all.
    parts = [tf.random.uniform([1_000_000]) for _ in range(MEASURED // 1_000_000)]

    def add_up() -> list[tf.Tensor]:
        replica = tf.distribute.get_replica_context()
        return [tf.reduce_sum(x) for x in replica.all_reduce(tf.distribute.ReduceOp.SUM, parts)]

    run = tf.function(lambda: strategy.run(add_up))
    run()
    seconds = []
    for _ in range(ROUNDS):
        start = time.perf_counter()
        run()
        seconds.append(time.perf_counter() - start)
    return median(seconds)


def ring(numbers: int, replicas: int, bandwidth: float) -> float:
    """Return the seconds that a ring takes to add up float32 numbers.

    >>> ring(250_000_000, 2, bandwidth=1e9)
    1.0
    """
    return 2 * (replicas - 1) / replicas * 4 * numbers / bandwidth


def main() -> None:
    """Print both tables."""
    if len(sys.argv) > 1:
        print(measure(int(sys.argv[1])))
        return
    print(f"| logical CPUs | milliseconds for {MEASURED:,} numbers, measured |")
    print("|---:|---:|")
    for replicas in REPLICAS:
        command = [sys.executable, "-m", "benchmarks.distributed.all_reduce", str(replicas)]
        done = subprocess.run(command, capture_output=True, text=True, check=True)
        print(f"| {replicas} | {1000 * float(done.stdout.splitlines()[-1]):.0f} |", flush=True)
    print()
    print("| network | link | " + " | ".join(f"{n} replicas" for n in PAPER) + " |")
    print("|---|---|" + "---:|" * len(PAPER))
    for name in NETWORKS:
        numbers = model_info(name).parameters
        for link, bandwidth in LINKS.items():
            times = (f"{1000 * ring(numbers, n, bandwidth):.0f} ms" for n in PAPER)
            print(f"| {name} | {link} | {' | '.join(times)} |")


if __name__ == "__main__":
    main()
