"""Turns on oneDNN, without which TensorFlow computes convolutions half as fast on many CPUs.

TensorFlow reads its variable once, while it is imported, and turns oneDNN on by itself only where
the CPU has AVX512_VNNI, AVX512_BF16 or AMX.
"""

import os
import platform
import sys
import warnings

VARIABLE = "TF_ENABLE_ONEDNN_OPTS"
# TensorFlow's module that tells whether oneDNN is on; `import tensorflow` loads it.
_PORT = "tensorflow.python.util._pywrap_util_port"


def enable_onednn() -> None:
    """Turn on oneDNN, unless the user has decided; warn if it is too late for that."""
    if VARIABLE in os.environ:
        return
    if "tensorflow" not in sys.modules:
        os.environ[VARIABLE] = "1"
    elif _computes_without_onednn():
        warnings.warn(
            "TensorFlow computes without oneDNN, which makes convolutions about twice as slow on "
            "this CPU, because it was imported before keras_mixers. Import keras_mixers first, or "
            f"set the environment variable {VARIABLE}=1 (=0 silences this warning).",
            stacklevel=3,
        )


def _computes_without_onednn() -> bool:
    """Return whether the imported TensorFlow has oneDNN, does not use it and has no GPU."""
    has_onednn = platform.machine() in ("x86_64", "AMD64") and sys.platform != "darwin"
    port = sys.modules.get(_PORT)
    if not has_onednn or port is None or port.IsMklEnabled():
        return False
    return not sys.modules["tensorflow"].config.list_physical_devices("GPU")
