"""What a result of a benchmark depends on: the processor, and the versions of packages."""

import importlib.metadata
import os
import platform
from collections.abc import Sequence
from pathlib import Path

_VARIABLES = ("TF_ENABLE_", "TF_XLA_", "ONEDNN_", "XLA_", "ATEN_", "MKL_", "TORCHINDUCTOR_")


def available_threads() -> int:
    """Return how many cores this process may use.

    >>> available_threads() >= 1
    True
    """
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def describe_machine(threads: int, packages: Sequence[str]) -> dict[str, object]:
    """Return the processor, how busy it is, and the versions of `packages`.

    >>> describe_machine(2, ["keras"])["threads"]
    2
    """
    cpu, flags = _read_cpu()
    return {
        "cpu": cpu,
        "instructions": [flag for flag in flags if flag.startswith(("avx", "amx"))],
        # What may keep TensorFlow, oneDNN, XLA or torch from using them.
        "variables": {
            name: text for name, text in os.environ.items() if name.startswith(_VARIABLES)
        },
        "cores": os.cpu_count(),
        "threads": threads,
        "load_average_before": round(os.getloadavg()[0], 2),
        "system": platform.platform(),
        "python": platform.python_version(),
        "versions": {package: importlib.metadata.version(package) for package in packages},
    }


def _read_cpu() -> tuple[str, list[str]]:
    """Return the name of the processor and its instruction sets, which Linux alone lists."""
    path = Path("/proc/cpuinfo")
    lines = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
    names = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    flags: list[str] = next((line.split() for line in lines if line.startswith("flags")), [])
    return names[0] if names else platform.machine(), flags
