"""ConvMixer, MLP-Mixer and T2T-ViT for Keras 3."""

import sys
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
        from keras_mixers import api

        return getattr(api, name)

else:
    from keras_mixers.api import *  # noqa: F403
