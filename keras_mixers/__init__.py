"""ConvMixer, MLP-Mixer and T2T-ViT for Keras 3."""

import sys
from importlib import import_module
from importlib.util import find_spec

from keras_mixers._version import __version__ as __version__
from keras_mixers.onednn import enable_onednn

enable_onednn()  # Before Keras imports TensorFlow.

# Importing the API registers the layers, so that keras.models.load_model finds them. Only the
# command imports names when they are used, because `keras-mixers list` must not wait for Keras.
if "keras_mixers_cli" not in sys.modules:
    from keras_mixers.api import *  # noqa: F403


def __getattr__(name: str) -> object:
    if name.startswith("__") or find_spec(f"{__name__}.{name}"):  # Python finds submodules itself.
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.api"), name)
