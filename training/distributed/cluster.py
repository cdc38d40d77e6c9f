"""The machines that train together, and how they find each other."""

import json
import os
import socket
import time
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass

from training.devices import Devices
from training.errors import RecipeError

_BETWEEN = 0.2  # Seconds from one attempt to the next.


@dataclass(frozen=True)
class Cluster:
    """All workers of a run, and which of them this process is.

    Attributes:
        addresses: "host:port" of each; the first one writes the run's folder.
        index: of this process.
    """

    addresses: tuple[str, ...] = ("",)
    index: int = 0

    @property
    def size(self) -> int:
        """How many workers there are."""
        return len(self.addresses)

    @property
    def is_first(self) -> bool:
        """Whether this is the worker that writes."""
        return self.index == 0


ALONE = Cluster()


def read_cluster() -> Cluster:
    """Return what the environment variable TF_CONFIG says.

    Raises:
        RecipeError: if it is missing, or is no cluster of workers with this process in it.

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
        "0}}, with the index of this machine."
    )
    if not text:
        raise RecipeError(f"Several workers need the environment variable TF_CONFIG; {expected}")
    try:
        content = json.loads(text)
        jobs, task = content["cluster"], content["task"]
        # As TensorFlow counts them: a chief is the first worker.
        tasks = [(job, i) for job in ("chief", "worker") for i in range(len(jobs.get(job, ())))]
        addresses = tuple(str(jobs[job][i]) for job, i in tasks)
        index = tasks.index((task["type"], int(task["index"])))
        for address in addresses:
            _split(address)
    except (ValueError, KeyError, TypeError, AttributeError):
        raise RecipeError(f"TF_CONFIG is {text!r}; {expected}") from None
    return Cluster(addresses, index)


def cluster_of(devices: Devices) -> Cluster:
    """Return the workers of a run; without several, this process alone.

    Raises:
        RecipeError: if there are to be several, and TF_CONFIG does not name them.
    """
    return read_cluster() if devices.strategy == "multiworker" else ALONE


def meet(cluster: Cluster, wait: float) -> None:
    """Wait until all workers are there; TensorFlow itself would wait for them without end.

    Args:
        cluster: whose ports nothing else must use.
        wait: seconds until those that have not come are given up.

    Raises:
        RecipeError: if some did not come, or this worker's port is taken.
    """
    end = time.monotonic() + wait
    missing = set(cluster.addresses) - {cluster.addresses[cluster.index]}
    with _listening(cluster.addresses[cluster.index]):
        while missing:
            missing = {address for address in missing if not _answers(address)}
            if missing and time.monotonic() > end:
                raise RecipeError(
                    f"After {wait:.0f} s there is no answer from {_text(missing)}; start the same "
                    "command on all machines, with their addresses in TF_CONFIG."
                )
            time.sleep(_BETWEEN * bool(missing))


def _split(address: str) -> tuple[str, int]:
    host, _, port = address.rpartition(":")
    return host.strip("[]"), int(port)


def _listening(address: str) -> socket.socket:
    """Return a socket that lets others see this worker; nothing is ever said on it."""
    _, port = _split(address)
    try:
        return socket.create_server(("", port), backlog=1024, reuse_port=True)
    except OSError as error:
        raise RecipeError(
            f"This worker's port {port} can't be opened ({error.strerror}); choose another one in "
            "TF_CONFIG."
        ) from None


def _answers(address: str) -> bool:
    with suppress(OSError), socket.create_connection(_split(address), timeout=1):
        return True
    return False


def _text(addresses: Iterable[str]) -> str:
    first, *others = sorted(addresses)
    return f"{first} and {len(others)} more workers" if others else f"worker {first}"
