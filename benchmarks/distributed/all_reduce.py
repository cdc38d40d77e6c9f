"""Prints what it costs to add up gradients: `python -m benchmarks.distributed.all_reduce`.

The first table is measured on 1, 2 and 4 of TensorFlow's logical CPUs, which share this machine's
cores and memory. The second one is calculated for links between machines: in a ring, each replica
sends and receives 2 (n - 1) / n of the gradients' bytes, so that many replicas take hardly longer
than four.
"""

import subprocess
import sys
import time
from statistics import median

import tensorflow as tf

from keras_mixers.catalogue import model_info
from tests.helpers.local_replicas import logical_cpus

NETWORKS = ("t2t_vit_14", "convmixer_768_32", "convmixer_1536_20", "mixer_b16")
MEASURED_SIZE = 10_000_000  # Number of float32 values to add up, in tensors of a million.
MEASURED_REPLICAS = (1, 2, 4)
CALCULATED_REPLICAS = (2, 4, 8, 64)
LINKS = {"10 Gbit/s": 1.25e9, "100 Gbit/s": 12.5e9, "400 Gbit/s": 50e9}  # Bytes per second.
ROUNDS = 9


def measure(replicas: int) -> float:
    """Return the seconds that it takes to add up the values, the median of ROUNDS."""
    logical_cpus(replicas)
    strategy = tf.distribute.MirroredStrategy([f"/cpu:{i}" for i in range(replicas)])
    # Different tensors, because TensorFlow would merge equal ones.
    parts = [tf.random.uniform([1_000_000]) for _ in range(MEASURED_SIZE // 1_000_000)]

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


def ring_seconds(numbers: int, replicas: int, bandwidth: float) -> float:
    """Return the seconds that a ring of replicas takes to add up `numbers` float32 values.

    >>> ring_seconds(250_000_000, 2, bandwidth=1e9)
    1.0
    """
    return 2 * (replicas - 1) / replicas * 4 * numbers / bandwidth


def main() -> None:
    """Print both tables."""
    if len(sys.argv) > 1:
        print(measure(int(sys.argv[1])))
        return
    print(f"| logical CPUs | milliseconds for {MEASURED_SIZE:,} numbers, measured |")
    print("|---:|---:|")
    for replicas in MEASURED_REPLICAS:
        command = [sys.executable, "-m", "benchmarks.distributed.all_reduce", str(replicas)]
        done = subprocess.run(command, capture_output=True, text=True, check=True)
        print(f"| {replicas} | {1000 * float(done.stdout.splitlines()[-1]):.0f} |", flush=True)
    print()
    print("| network | link | " + " | ".join(f"{n} replicas" for n in CALCULATED_REPLICAS) + " |")
    print("|---|---|" + "---:|" * len(CALCULATED_REPLICAS))
    for name in NETWORKS:
        numbers = model_info(name).parameters
        for link, bandwidth in LINKS.items():
            times = (
                f"{1000 * ring_seconds(numbers, n, bandwidth):.0f} ms" for n in CALCULATED_REPLICAS
            )
            print(f"| {name} | {link} | {' | '.join(times)} |")


if __name__ == "__main__":
    main()
