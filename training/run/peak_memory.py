"""The most memory that training has held."""

import re
import sys
from pathlib import Path

import tensorflow as tf

_KIB = 1024


def peak_memory() -> int | None:
    """Return the most memory, in bytes, that the first GPU has given or, without a GPU, this
    process has held, TensorFlow included.

    None where the system doesn't tell, as on Windows.
    """
    if tf.config.list_logical_devices("GPU"):
        return int(tf.config.experimental.get_memory_info("GPU:0")["peak"])
    if sys.platform == "linux":
        # Not getrusage, whose figure a process inherits from the one that started it.
        status = Path("/proc/self/status").read_text(encoding="ascii", errors="replace")
        found = re.search(r"^VmHWM:\s+(\d+) kB$", status, re.MULTILINE)
        return int(found[1]) * _KIB if found else None
    if sys.platform == "darwin":
        import resource

        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return None
