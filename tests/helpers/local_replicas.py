"""Replicas without a GPU: TensorFlow's logical CPUs, and processes of this machine as workers."""

import json
import os
import socket
import subprocess
import sys
from collections.abc import Iterable

import numpy as np
import tensorflow as tf


def logical_cpus(count: int) -> None:
    """Let TensorFlow see so many CPUs, before it has done anything."""
    cpu = tf.config.list_physical_devices("CPU")[0]
    devices = [tf.config.LogicalDeviceConfiguration()] * count
    tf.config.set_logical_device_configuration(cpu, devices)


def free_ports(count: int) -> list[int]:
    """Return ports that nobody uses now."""
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [each.getsockname()[1] for each in sockets]
    for each in sockets:
        each.close()
    return ports


def two_workers(*arguments: str) -> list[subprocess.Popen[str]]:
    """Start `python -m` with the same arguments as both workers of a cluster."""
    addresses = [f"127.0.0.1:{port}" for port in free_ports(2)]
    cluster = {"worker": addresses}
    return [
        subprocess.Popen(
            [sys.executable, "-m", *arguments],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env={
                **os.environ,
                "TF_CONFIG": json.dumps(
                    {"cluster": cluster, "task": {"type": "worker", "index": index}}
                ),
            },
        )
        for index in range(2)
    ]


def furthest(one: Iterable[np.ndarray], other: Iterable[np.ndarray]) -> float:
    """Return the largest difference between two lists of arrays; NaN if any number is.

    >>> furthest([np.zeros(2), np.ones(2)], [np.zeros(2), np.array([1.0, np.nan])])
    nan
    """
    # Python's `max` would pass over a NaN that does not come first.
    return float(np.max([np.abs(a - b).max() for a, b in zip(one, other, strict=True)]))
