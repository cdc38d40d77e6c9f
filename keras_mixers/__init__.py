"""ConvMixer, MLP-Mixer and T2T-ViT for Keras 3."""

import sys
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path

from keras_mixers._version import __version__ as __version__


def _is_command() -> bool:
    """Tell whether this process is `keras-mixers` or `python -m keras_mixers`."""
    program = sys.argv[0] if sys.argv else ""
    if program == "-m":  # Python is still looking for the module to run.
        return any(option.removeprefix("-m") == "keras_mixers" for option in sys.orig_argv)
    return Path(program).stem == "keras-mixers"


# The import registers the layers, without which keras.models.load_model would not know them. Only
# the command, whose `--help` must not wait seconds for Keras, puts it off until a name is used.
if _is_command():

    def __getattr__(name: str) -> object:
        if find_spec(f"{__name__}.{name}"):  # A submodule, which Python imports next.
            raise AttributeError(name)
        return getattr(import_module(f"{__name__}.api"), name)

else:
    from keras_mixers.api import *  # noqa: F403
