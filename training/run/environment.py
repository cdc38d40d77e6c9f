"""The machine and the software that a run uses."""

import os
import platform
import shlex
import subprocess
import sys
from collections.abc import Mapping
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path
from typing import Any

import tensorflow as tf

from hub_export.benchmark.machine import available_threads
from keras_mixers.value_checks import excerpt

_PACKAGES = (
    "keras-mixers",
    "keras",
    "tensorflow",
    "tensorflow-datasets",
    "keras-cv",
    "numpy",
    "pillow",
)
_COMPARED = ("python", "cpu", "threads", "oneDNN", "gpus")
_COMPARED_PARTS = ("packages", "git", "devices")
_NOT_COMPARED = ("folder", "wait", "steps_per_execution")


def environment(seed: int) -> dict[str, Any]:
    """Return the command, software versions, git state and hardware, as JSON-serialisable values.

    Args:
        seed: seed of the run.

    >>> environment(seed=3)["seed"]
    3
    """
    return {
        "started": datetime.now(UTC).isoformat(timespec="seconds"),
        "command": command_line(),
        "seed": seed,
        "python": platform.python_version(),
        "platform": platform.platform(),
        "packages": {name: _version(name) for name in _PACKAGES},
        "git": git_state(Path(__file__).parent) or git_state(Path.cwd()),
        "cpu": _cpu(),
        "threads": available_threads(),
        "oneDNN": os.environ.get("TF_ENABLE_ONEDNN_OPTS"),
        "gpus": [_gpu(device) for device in tf.config.list_physical_devices("GPU")],
    }


def environment_changes(before: object, now: Mapping[str, Any]) -> list[str]:
    """Return what may give a run that goes on other numbers than one that never stopped.

    >>> environment_changes({"cpu": "old", "packages": {"keras": "3.15.0"}}, {"cpu": "new"})
    ["cpu 'old', now 'new'"]
    """
    old, new = _compared(before), _compared(now)
    return [
        f"{name} {excerpt(old[name])}, now {excerpt(value)}"
        for name, value in new.items()
        if old.get(name, value) != value
    ]


def _compared(environment: object) -> dict[str, Any]:
    """Return the values that are compared, each by one name."""
    if not isinstance(environment, Mapping):
        return {}
    values = {name: environment[name] for name in _COMPARED if name in environment}
    for part in (environment.get(name) for name in _COMPARED_PARTS):
        values |= part if isinstance(part, Mapping) else {}
    return {name: value for name, value in values.items() if name not in _NOT_COMPARED}


def command_line() -> str:
    """Return the command line of this process, quoted for a shell."""
    return shlex.join([Path(sys.argv[0]).name, *sys.argv[1:]])


def git_state(folder: Path) -> dict[str, Any] | None:
    """Return the commit of the repository around a folder, and whether files differ from it.

    None if there is no repository, no commit or no git.
    """
    commit = _git(folder, "rev-parse", "HEAD")
    if commit is None:
        return None
    return {
        "folder": _git(folder, "rev-parse", "--show-toplevel"),
        "commit": commit,
        "dirty": bool(_git(folder, "status", "--porcelain")),
    }


def _git(folder: Path, *arguments: str) -> str | None:
    try:
        done = subprocess.run(
            ["git", "-C", str(folder), *arguments], capture_output=True, text=True, timeout=60
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout.strip() if done.returncode == 0 else None


def _version(package: str) -> str | None:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None


def _cpu() -> str:
    info = Path("/proc/cpuinfo")
    for line in info.read_text().splitlines() if info.is_file() else ():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.processor()


def _gpu(device: tf.config.PhysicalDevice) -> str:
    return tf.config.experimental.get_device_details(device).get("device_name", device.name)
