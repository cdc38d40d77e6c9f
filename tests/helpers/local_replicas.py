"""Replicas without GPUs: TensorFlow's logical CPUs, or processes on this machine as workers."""

import json
import os
import socket
import subprocess
import sys
from collections.abc import Iterable

import numpy as np
import tensorflow as tf


def logical_cpus(count: int) -> None:
    """Make TensorFlow see `count` CPUs; to be called before TensorFlow computes anything."""
    cpu = tf.config.list_physical_devices("CPU")[0]
    devices = [tf.config.LogicalDeviceConfiguration()] * count
    tf.config.set_logical_device_configuration(cpu, devices)


def free_ports(count: int) -> list[int]:
    """Return ports that aren't in use at the moment."""
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [each.getsockname()[1] for each in sockets]
    for each in sockets:
        each.close()
    return ports


def worker_environments() -> list[dict[str, str]]:
    """Return the variables of the two workers of a cluster on this machine."""
    addresses = [f"127.0.0.1:{port}" for port in free_ports(2)]
    return [
        {
            "TF_CONFIG": json.dumps(
                {"cluster": {"worker": addresses}, "task": {"type": "worker", "index": index}}
            )
        }
        for index in range(2)
    ]


def two_workers(*arguments: str) -> list[subprocess.Popen[str]]:
    """Start `python -m` with the same arguments twice, as the two workers of a cluster."""
    return [
        subprocess.Popen(
            [sys.executable, "-m", *arguments],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env={**os.environ, **environment},
        )
        for environment in worker_environments()
    ]


def largest_difference(one: Iterable[np.ndarray], other: Iterable[np.ndarray]) -> float:
    """Return the largest absolute difference between two lists of arrays; NaN if any number is NaN.

    >>> largest_difference([np.zeros(2), np.ones(2)], [np.zeros(2), np.array([1.0, np.nan])])
    nan
    """
    # Python's `max` ignores a NaN that doesn't come first.
    return float(np.max([np.abs(a - b).max() for a, b in zip(one, other, strict=True)]))
