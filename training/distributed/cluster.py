"""The machines that train together, and how they find each other."""

import os
import socket
import time
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass

from keras_mixers.json_files import parse_json
from training.devices import Devices
from training.errors import RecipeError

_SECONDS_BETWEEN_ATTEMPTS = 0.2


@dataclass(frozen=True)
class Cluster:
    """The workers of a run, and which of them this process is.

    Attributes:
        addresses: "host:port" of each worker; the first worker writes the run's folder.
        index: index of this process among the workers.
    """

    addresses: tuple[str, ...] = ("",)
    index: int = 0

    @property
    def size(self) -> int:
        """Number of workers."""
        return len(self.addresses)

    @property
    def is_first(self) -> bool:
        """Whether this is the worker that writes the run's folder."""
        return self.index == 0

    @property
    def shard(self) -> tuple[int, int]:
        """The index of this worker, and the number of workers, as batches take them."""
        return self.index, self.size


ALONE = Cluster()


def read_cluster() -> Cluster:
    """Return the cluster that the environment variable TF_CONFIG describes.

    Raises:
        RecipeError: if it is missing, or doesn't describe workers that include this process.

    >>> import json
    >>> os.environ["TF_CONFIG"] = json.dumps({
    ...     "cluster": {"worker": ["a:2222", "b:2222"]}, "task": {"type": "worker", "index": 1}
    ... })
    >>> read_cluster()
    Cluster(addresses=('a:2222', 'b:2222'), index=1)
    >>> del os.environ["TF_CONFIG"]
    """
    text = os.environ.get("TF_CONFIG", "")
    expected = (
        'expected {"cluster": {"worker": ["HOST:PORT", ...]}, "task": {"type": "worker", "index": '
        "0}}, with the index of this worker."
    )
    if not text:
        raise RecipeError(
            f"Strategy 'multiworker' needs the environment variable TF_CONFIG; {expected}"
        )
    try:
        content = parse_json(text)
        jobs, task = content["cluster"], content["task"]
        # TensorFlow counts a chief as the first worker.
        tasks = [(job, i) for job in ("chief", "worker") for i in range(len(jobs.get(job, ())))]
        addresses = tuple(str(jobs[job][i]) for job, i in tasks)
        index = tasks.index((task["type"], int(task["index"])))
        for address in addresses:
            _host_and_port(address)
    except (ValueError, KeyError, TypeError, AttributeError):
        raise RecipeError(f"TF_CONFIG is {text[:200]!r}; {expected}") from None
    return Cluster(addresses, index)


def cluster_of(devices: Devices) -> Cluster:
    """Return the workers of a run: this process alone, unless the strategy is "multiworker".

    Raises:
        RecipeError: if the strategy is "multiworker", and TF_CONFIG doesn't name the workers.
    """
    return read_cluster() if devices.strategy == "multiworker" else ALONE


def wait_for_workers(cluster: Cluster, timeout: float) -> None:
    """Wait until all workers have started; TensorFlow itself would wait for them forever.

    Args:
        cluster: the workers. Their ports must not be in use.
        timeout: seconds to wait before giving up.

    Raises:
        RecipeError: if a worker hasn't started in time, or this worker's port is in use.
    """
    end = time.monotonic() + timeout
    missing = set(cluster.addresses) - {cluster.addresses[cluster.index]}
    with _listen(cluster.addresses[cluster.index]):
        while missing:
            missing = {address for address in missing if not _answers(address)}
            if missing and time.monotonic() > end:
                raise RecipeError(
                    f"No answer from {_name(missing)} after {timeout:.0f} s; start the same "
                    "command on all machines, with their addresses in TF_CONFIG."
                )
            time.sleep(_SECONDS_BETWEEN_ATTEMPTS * bool(missing))


def _host_and_port(address: str) -> tuple[str, int]:
    host, _, port = address.rpartition(":")
    if not 0 < int(port) < 1 << 16:
        raise ValueError(f"A port must be a number from 1 to 65535; received {port!r}.")
    return host.strip("[]"), int(port)


def _listen(address: str) -> socket.socket:
    """Return a socket to which other workers can connect; no data is ever sent over it."""
    _, port = _host_and_port(address)
    try:
        return socket.create_server(("", port), backlog=1024, reuse_port=True)
    except OSError as error:
        raise RecipeError(
            f"This worker's port {port} can't be opened ({error.strerror}); choose another port in "
            "TF_CONFIG."
        ) from None


def _answers(address: str) -> bool:
    with suppress(OSError), socket.create_connection(_host_and_port(address), timeout=1):
        return True
    return False


def _name(addresses: Iterable[str]) -> str:
    first, *others = sorted(addresses)
    return f"worker {first}" + (f" and {len(others)} more" if others else "")
