"""The machine and the software that a run uses."""

import platform
import shlex
import subprocess
import sys
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path
from typing import Any

import tensorflow as tf

_PACKAGES = (
    "keras-mixers",
    "keras",
    "tensorflow",
    "tensorflow-datasets",
    "keras-cv",
    "numpy",
    "pillow",
)


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
        "gpus": [_gpu(device) for device in tf.config.list_physical_devices("GPU")],
    }


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
