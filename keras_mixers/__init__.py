"""ConvMixer, MLP-Mixer and T2T-ViT for Keras 3."""

import sys
from importlib import import_module
from importlib.util import find_spec

from keras_mixers._version import __version__ as __version__

# The import registers the layers, without which keras.models.load_model would not know them. The
# command alone loads names when they are needed: `keras-mixers list` must not wait for Keras.
if "keras_mixers_cli" not in sys.modules:
    from keras_mixers.api import *  # noqa: F403


def __getattr__(name: str) -> object:
    if name.startswith("__") or find_spec(f"{__name__}.{name}"):  # Python imports submodules.
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.api"), name)
