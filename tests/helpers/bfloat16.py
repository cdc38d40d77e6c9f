"""Where TensorFlow can't compute in bfloat16, and tests that do are left out.

With `ONEDNN_MAX_CPU_ISA=AVX2` a machine with AVX-512 computes as one without it, but for bfloat16:
TensorFlow 2.21 asks the processor whether it has AVX-512, not oneDNN whether it may use it, and the
first product in bfloat16 ends the process. A processor without AVX-512 computes it without oneDNN.
"""

import os
from pathlib import Path

_WITHOUT_AVX512 = ("SSE41", "AVX", "AVX2", "AVX2_VNNI")


def crashes_in_bfloat16() -> bool:
    """Tell whether oneDNN is kept from the AVX-512 that this machine has."""
    limit = os.environ.get("ONEDNN_MAX_CPU_ISA", "").upper()
    if limit not in _WITHOUT_AVX512 or os.environ.get("TF_ENABLE_ONEDNN_OPTS") == "0":
        return False
    processor = Path("/proc/cpuinfo")
    return processor.is_file() and "avx512f" in processor.read_text(encoding="utf-8")
